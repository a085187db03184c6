package cassandra

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

func (n *Node) conf() string      { return filepath.Join(n.dir, "conf") }
func (n *Node) data() string      { return filepath.Join(n.dir, "data") }
func (n *Node) systemLog() string { return filepath.Join(n.dir, "log", "system.log") }
func (n *Node) stdoutLog() string { return filepath.Join(n.dir, "log", "stdout.log") }

// writeConfiguration makes the node's folders and its files of settings.
func (n *Node) writeConfiguration() error {
	for _, dir := range []string{n.conf(), filepath.Dir(n.systemLog())} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cassandra: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(n.conf(), "cassandra.yaml"), []byte(n.yaml()), 0o644); err != nil {
		return fmt.Errorf("cassandra: %w", err)
	}
	if err := os.WriteFile(filepath.Join(n.conf(), "logback.xml"), []byte(n.logback()), 0o644); err != nil {
		return fmt.Errorf("cassandra: %w", err)
	}
	return nil
}

// yaml is cassandra.yaml. One token makes the order of partitions that of tokens from the smallest on;
// long timeouts keep a busy machine from looking like a broken node.
func (n *Node) yaml() string {
	data := n.data()
	period := map[string]string{
		"periodic": "commitlog_sync_period: 10000ms\n",
		"group":    "commitlog_sync_group_window: 1ms\n",
	}[n.opts.Sync]
	return `cluster_name: judge
num_tokens: 1
initial_token: 0
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
data_file_directories: [` + quoted(data+"/data") + `]
commitlog_directory: ` + quoted(data+"/commitlog") + `
hints_directory: ` + quoted(data+"/hints") + `
saved_caches_directory: ` + quoted(data+"/saved_caches") + `
cdc_raw_directory: ` + quoted(data+"/cdc_raw") + `
commitlog_sync: ` + n.opts.Sync + "\n" + period + `seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{seeds: "` + n.ports.address(n.ports.storage) + `"}]
listen_address: ` + loopback + `
rpc_address: ` + loopback + `
storage_port: ` + strconv.Itoa(n.ports.storage) + `
native_transport_port: ` + strconv.Itoa(n.ports.cql) + `
start_native_transport: true
endpoint_snitch: SimpleSnitch
auto_snapshot: false
materialized_views_enabled: true
user_defined_functions_enabled: true
sasi_indexes_enabled: true
drop_compact_storage_enabled: true
transient_replication_enabled: false
batch_size_warn_threshold: 1024KiB
batch_size_fail_threshold: 16384KiB
unlogged_batch_across_partitions_warn_threshold: 1000
read_request_timeout: 30000ms
range_request_timeout: 30000ms
write_request_timeout: 30000ms
request_timeout: 30000ms
authenticator: ` + n.opts.Authenticator + `
authorizer: ` + n.opts.Authorizer + `
role_manager: CassandraRoleManager
` + n.opts.Yaml
}

// quoted is text as a scalar of YAML, whatever is in it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func (n *Node) logback() string {
	name := strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(n.systemLog())
	return `<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>` + name + `</file>
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
`
}

// java17 opens what Cassandra uses of Java's inside, as its own start script does.
var java17 = moduleArguments("--add-exports", `
	java.base/jdk.internal.misc java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry
	java.rmi/sun.rmi.server java.rmi/sun.rmi.transport.tcp java.sql/java.sql java.base/java.lang.ref
	java.base/java.lang.reflect jdk.unsupported/sun.misc java.base/sun.nio.ch`, "--add-opens", `
	java.base/java.lang.module java.base/jdk.internal.loader java.base/jdk.internal.ref java.base/jdk.internal.reflect
	java.base/jdk.internal.math java.base/jdk.internal.module java.base/jdk.internal.util.jar
	jdk.management/com.sun.management.internal java.base/sun.nio.ch java.base/java.io java.base/java.lang
	java.base/java.lang.reflect java.base/java.util java.base/java.util.concurrent java.base/java.util.concurrent.atomic
	java.base/java.nio java.rmi/sun.rmi.transport.tcp`)

// moduleArguments is made of pairs: an option, and the packages it is given for.
func moduleArguments(pairs ...string) []string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		for _, name := range strings.Fields(pairs[i+1]) {
			out = append(out, pairs[i], name+"=ALL-UNNAMED")
		}
	}
	return out
}

// settings are the options that daemon and nodetool share.
func (n *Node) settings() []string {
	return []string{
		"-Dcassandra.config=file://" + n.conf() + "/cassandra.yaml",
		"-Dcassandra.storagedir=" + n.data(),
		"-Dlogback.configurationFile=" + n.conf() + "/logback.xml",
		"-cp", n.conf() + ":" + n.jars + "/*",
	}
}

func (n *Node) javaCommand() *exec.Cmd {
	args := append([]string{}, java17...)
	// Jamm measures objects; without it the node refuses to start.
	if agents, err := filepath.Glob(filepath.Join(n.jars, "jamm-*.jar")); err == nil && len(agents) > 0 {
		args = append(args, "-javaagent:"+agents[0])
	}
	args = append(args, "-Xms"+n.opts.Heap, "-Xmx"+n.opts.Heap, "-XX:+UseG1GC", "-XX:+PerfDisableSharedMem", "-Xss512k",
		"-Djava.awt.headless=true", "-Dcassandra.jmx.local.port="+strconv.Itoa(n.ports.jmx), "-Dcassandra-foreground=yes",
		"-Dcassandra.ring_delay_ms=1", "-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.superuser_setup_delay_ms=0",
		"-Dio.netty.tryReflectionSetAccessible=true", "-Djdk.attach.allowAttachSelf=true")
	args = append(args, n.settings()...)
	return exec.Command("java", append(args, "org.apache.cassandra.service.CassandraDaemon")...)
}

func (n *Node) nodetoolArguments(command []string) []string {
	args := append([]string{}, java17...)
	args = append(args, "-Xmx128m")
	args = append(args, n.settings()...)
	args = append(args, "org.apache.cassandra.tools.NodeTool", "-h", loopback, "-p", strconv.Itoa(n.ports.jmx))
	return append(args, command...)
}
