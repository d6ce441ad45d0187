package auth

import (
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// TestTimeDoesNotTellWhoExists shows that time follows the work, which TestWorkDoesNotTellWhoExists finds equal. It adds up
// what this thread spends on a core, which other work on the machine moves little, and goes on until chance is averaged
// away: some kernels count by ticks of 10 ms.
func TestTimeDoesNotTellWhoExists(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := newPasswords(t, bcrypt.MinCost+2)
	hashes := stored(t, p)
	spent := make(map[string]time.Duration)
	for range 300 {
		least, most := time.Duration(math.MaxInt64), time.Duration(0)
		for name, h := range hashes {
			start := onCore(t)
			p.Verify(h, "wrong")
			spent[name] += onCore(t) - start
			least, most = min(least, spent[name]), max(most, spent[name])
		}
		if least > 100*time.Millisecond && float64(most) < 1.3*float64(least) {
			return
		}
	}
	t.Fatalf("times differ: %v", spent)
}

// onCore is how long this thread has worked, see getrusage(2).
func onCore(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
