//! The thread's CPU time, for microbenchmarks: a busy machine changes it little.

use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use rustix::time::{ClockId, clock_gettime};

/// Measures the thread's CPU time instead of wall-clock time.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(now).expect("CPU time is not negative")
    }

    fn end(&self, start: Duration) -> Duration {
        self.start().saturating_sub(start)
    }

    fn add(&self, left: &Duration, right: &Duration) -> Duration {
        *left + *right
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_work_of_this_thread_counts() {
        let start = CpuTime.start();
        std::thread::park_timeout(Duration::from_millis(300));
        let idle = CpuTime.end(start);
        assert!(idle < Duration::from_millis(100), "{idle:?}");
        // This ends because the loop's work counts.
        while CpuTime.end(start) < idle + Duration::from_millis(5) {
            std::hint::spin_loop();
        }
    }
}
