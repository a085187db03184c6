package bench

import (
	"os"
	"syscall"
	"time"
)

// cpuTime is the processor time of this process so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
