//! Replaces a client that has failed or is stuck.

use rdkafka::consumer::Consumer as _;

use super::{Member, connect};
use crate::kafka::source::leaving;
use crate::kafka::source::watchdog::Sign;

impl Member {
    /// Lets go of a client that is stuck. One without a broker is, if another client reaches one.
    pub(super) fn judge(&mut self, sign: Sign) {
        if sign == Sign::Alone && self.inner.probe.partitions().is_err() {
            self.inner.watchdog.clear(sign);
        } else {
            self.let_go(sign);
        }
    }

    /// Releases everything that a stuck client holds, so that another can replace it. Commits that
    /// it could not send are refused by the brokers once the other is a member.
    fn let_go(&mut self, sign: Sign) {
        tracing::warn!(
            topic = &*self.inner.topic,
            ?sign,
            "the client of the group is stuck although brokers are reachable; replacing it"
        );
        let partitions = self.inner.holdings.lock().partitions();
        self.take_back(&partitions, true);
        self.inner.watchdog.forget();
        self.is_outcast = true;
    }

    /// Joins the group with a new client. The old one is stuck, or brokers were unavailable for
    /// about as long as a session.
    ///
    /// A client with a name that lost its session keeps a commit it could not send. When the
    /// brokers are back, it sends the commit without the membership it belonged to, and the answer
    /// makes the client fail for good.
    pub(super) fn begin_anew(&mut self) {
        match connect(&self.cluster, &self.inner.watchdog) {
            Ok(consumer) => {
                tracing::warn!("joining the group with a new client");
                let mut place = self.inner.consumer.lock();
                if let Some(broken) = place.replace(consumer) {
                    broken.context().close();
                    // Leaving may wait for brokers.
                    std::thread::spawn(move || leaving::leave(broken));
                }
            }
            Err(error) => self.inner.report(error),
        }
    }
}
