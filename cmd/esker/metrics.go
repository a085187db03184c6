package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server"
)

// watch is the second port: metrics, health and, where asked for, profiles. It listens before the data directory is opened, so
// that a long recovery can be seen.
type watch struct {
	listener net.Listener
	http     *http.Server
	served   chan error // of the listener

	mu    sync.RWMutex // held shared while the node is looked at
	node  *node        // guarded by mu; nil: it is not open
	state string       // guarded by mu; why the node does not serve; empty: it does
}

// Limits of the second port. A profile takes 30 seconds where nothing else is said.
const (
	watchHeaderBytesMax = 16 << 10
	watchReadMax        = 10 * time.Second
	watchWriteMax       = 2 * time.Minute
	watchIdleMax        = 2 * time.Minute
	watchScrapesMax     = 4
)

const (
	starting = "starting"
	draining = "draining"
)

// startWatch listens on address.
func startWatch(address string, profiles bool) (*watch, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--metrics: %w", err)
	}
	w := &watch{listener: listener, served: make(chan error, 1), state: starting}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newCollector(w))
	pages := http.NewServeMux()
	pages.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: watchScrapesMax}))
	pages.HandleFunc("GET /healthz", w.health)
	if profiles {
		pages.HandleFunc("GET /debug/pprof/", pprof.Index)
		pages.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		pages.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		pages.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		pages.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	w.http = &http.Server{
		Handler: pages, MaxHeaderBytes: watchHeaderBytesMax,
		ReadTimeout: watchReadMax, WriteTimeout: watchWriteMax, IdleTimeout: watchIdleMax,
	}
	go func() { w.served <- w.http.Serve(listener) }()
	return w, nil
}

// tell changes what health says: why the node does not serve, or nothing.
func (w *watch) tell(state string) {
	if w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.state = state
	}
}

// opened shows the counters of a node that is open.
func (w *watch) opened(n *node) {
	if w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.node, w.state = n, ""
	}
}

// hide ends looking at the node, which is about to be closed.
func (w *watch) hide() {
	if w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.node = nil
	}
}

// close answers the requests under way and stops.
func (w *watch) close(ctx context.Context) error {
	if w == nil {
		return nil
	}
	err := w.http.Shutdown(ctx)
	if err != nil {
		err = w.http.Close()
	}
	if served := <-w.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// trouble is why the node does not do its work, in words; empty: it does.
func (w *watch) trouble() string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.state != "" {
		return w.state
	}
	return troubleOf(w.node.store.Statistics())
}

// troubleOf is why a store takes no writes; empty: it does.
func troubleOf(st lsm.Statistics) string {
	switch {
	case st.ReadOnly != nil:
		return "read-only: " + st.ReadOnly.Error()
	case st.DiskFull != nil:
		return st.DiskFull.Error()
	}
	return ""
}

// health answers 200 while the node serves, and 503 with the reason otherwise.
func (w *watch) health(out http.ResponseWriter, _ *http.Request) {
	out.Header().Set("Content-Type", "text/plain; charset=utf-8")
	trouble := w.trouble()
	if trouble != "" {
		out.WriteHeader(http.StatusServiceUnavailable)
	} else {
		trouble = "serving"
	}
	_, _ = fmt.Fprintln(out, trouble) // who asked may have left
}

// collector shows what the node has counted whenever it is asked.
type collector struct {
	watch *watch
	build prometheus.Metric
	descs []*prometheus.Desc // of families, in their order
}

func newCollector(w *watch) *collector {
	c := &collector{watch: w}
	build := prometheus.NewDesc("esker_build_info", buildHelp, nil, prometheus.Labels{"version": buildVersion(), "goversion": runtime.Version()})
	c.build = prometheus.MustNewConstMetric(build, prometheus.GaugeValue, 1)
	for i := range families {
		c.descs = append(c.descs, prometheus.NewDesc(families[i].name, families[i].help, families[i].labels, nil))
	}
	return c
}

const buildHelp = "1, with the version of the program."

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	out <- c.build.Desc()
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector. Before the node is open there is nothing to tell of it.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	out <- c.build
	now := c.watch.look()
	if now == nil {
		return
	}
	for i := range families {
		f, desc := &families[i], c.descs[i]
		switch f.kind {
		case histogram:
			f.times(now, func(d server.Durations, labels ...string) { out <- histogramOf(desc, &d, labels) })
		default:
			kind := prometheus.CounterValue
			if f.kind == gauge {
				kind = prometheus.GaugeValue
			}
			f.read(now, func(value float64, labels ...string) {
				out <- prometheus.MustNewConstMetric(desc, kind, value, labels...)
			})
		}
	}
}

// histogramOf shows every second bound, which doubles: twice as many would cost twice the series.
func histogramOf(desc *prometheus.Desc, d *server.Durations, labels []string) prometheus.Metric {
	bounds, buckets, sum := server.DurationBounds(), map[float64]uint64{}, uint64(0)
	for i, bound := range bounds {
		sum += d.Counts[i]
		if i%2 == 0 {
			buckets[bound.Seconds()] = sum
		}
	}
	return prometheus.MustNewConstHistogram(desc, d.Count(), d.Sum.Seconds(), buckets, labels...)
}

// look finds everything that is counted; nil: the node is not open.
func (w *watch) look() *counted {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.node == nil {
		return nil
	}
	return &counted{server: w.node.server.Counters(), certificate: w.node.shown.ends(), database: w.node.database.Statistics()}
}
