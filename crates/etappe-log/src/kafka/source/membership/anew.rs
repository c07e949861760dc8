//! A new client in the place of one that is broken or stands still.

use rdkafka::consumer::Consumer as _;

use super::{Member, connect};
use crate::kafka::source::leaving;
use crate::kafka::source::watchdog::Sign;

impl Member {
    /// Lets go of everything that a client holds that stands still, so that another can take its place.
    /// What it could not commit before is refused by the brokers once another is a member.
    pub(super) fn let_go(&mut self, sign: Sign) {
        tracing::warn!(
            topic = &*self.inner.topic,
            ?sign,
            "the client of the group stands still although brokers are there; another takes its place"
        );
        let partitions = self.inner.lock_holdings().partitions();
        self.inner.metrics.record_revoked(partitions.len(), true);
        let assignments = self.revoke(&partitions);
        for assignment in &assignments {
            assignment.committer.close();
        }
        self.wait_until_released(&partitions);
        for assignment in &assignments {
            assignment.end();
        }
        self.inner.watchdog.forget();
        self.is_outcast = true;
    }

    /// Joins the group with another client: the one before stands still, or brokers were away for about
    /// as long as a session.
    ///
    /// A client with a name that lost its session keeps a commit that it could not send, sends it without
    /// the membership that it belonged to when brokers are back, and is broken for good by the answer.
    pub(super) fn begin_anew(&mut self) {
        match connect(&self.cluster, &self.inner.watchdog) {
            Ok(consumer) => {
                tracing::warn!("joining the group with a new client");
                let mut place = self.inner.lock_consumer();
                if let Some(broken) = place.replace(consumer) {
                    broken.context().close();
                    // It may wait for brokers.
                    std::thread::spawn(move || leaving::leave(broken));
                }
            }
            Err(error) => self.inner.report(error),
        }
    }
}
