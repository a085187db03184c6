package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of processor times in /proc: USER_HZ, which is 100 on all that Linux runs on.
const clockTick = 10 * time.Millisecond

// cpuTime is the processor time of this process so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cpuTimeOf is the processor time of another process so far.
func cpuTimeOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program may hold anything; what follows its parenthesis are numbers from the third on.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	ticks := int64(0)
	for _, f := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// memoryOf is what a process holds of memory and the most it ever held, in bytes; "self" is this one.
func memoryOf(pid string) (now, peak int64) {
	file := "/proc/" + pid + "/status"
	return kilobytes(file, "VmRSS"), kilobytes(file, "VmHWM")
}

// forgetPeak makes the peak of this process what it holds now. Where that is not allowed the peak is
// that of the whole life.
func forgetPeak() {
	const resetPeak = "5"
	_ = os.WriteFile("/proc/self/clear_refs", []byte(resetPeak), 0)
}

const mebibyte = 1 << 20
