//! The link to the controller: enrolment, the session with its control stream, frames, films, logs and blobs, and the
//! way back to a controller that was lost. It decides nothing about work; what it carries is `work`'s and the
//! controller's. Without a controller it only tries again, and again.

#![expect(
    clippy::disallowed_methods,
    reason = "reconnecting is paced by the clock of the link"
)]

mod addresses;
mod enrol;
mod identity;
mod line;
mod session;

use std::sync::Arc;
use std::time::{Duration, Instant};

use flatrender_protocol::NodeId;
use flatrender_protocol::message::Inventory;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cache::Cache;
use crate::work::Handle;
use crate::work::spool::Spool;

pub use addresses::Addresses;
pub use enrol::{EnrolError, Enrolled, enrol};
pub use identity::{Identity, IdentityFileError};
pub use line::Line;
pub use session::SessionEnd;

/// A session that lived so long was a good one: the way back begins without delay.
const GOOD: Duration = Duration::from_secs(5);
/// First delay; it doubles.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// Longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// What a session speaks for.
pub struct Spokesman {
    /// Who this node is.
    pub node: NodeId,
    /// New with each start of the agent.
    pub boot: Uuid,
    /// What the machine is.
    pub inventory: Inventory,
    /// What it does.
    pub work: Handle,
    /// What it has to send.
    pub spool: Spool,
    /// What it holds.
    pub cache: Cache,
    /// Where frames are spooled; the free space there goes into samples.
    pub spool_dir: std::path::PathBuf,
}

/// Keeps a session with a controller until `shutdown`.
pub async fn run(
    spokesman: Spokesman,
    mut addresses: Addresses,
    line: Arc<Line>,
    shutdown: CancellationToken,
) {
    let mut failures: u32 = 0;
    let mut session: u64 = 0;
    while !shutdown.is_cancelled() {
        session += 1;
        let begun = Instant::now();
        let end = tokio::select! {
            end = one(&spokesman, &mut addresses, &line, session) => end,
            () = shutdown.cancelled() => break,
        };
        line.hang_up();
        failures = if begun.elapsed() >= GOOD {
            0
        } else {
            failures.saturating_add(1)
        };
        let delay = delay(failures, rand::random::<f64>());
        tracing::warn!(
            reason = %crate::in_words(&end),
            again_in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            "no controller; work goes on"
        );
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = shutdown.cancelled() => break,
        }
    }
    line.hang_up();
    addresses.close().await;
}

async fn one(
    spokesman: &Spokesman,
    addresses: &mut Addresses,
    line: &Arc<Line>,
    id: u64,
) -> SessionEnd {
    match addresses.connect().await {
        Ok(connection) => session::session(spokesman, line, connection, id).await,
        Err(error) => SessionEnd::NoWay(error),
    }
}

/// The pause before the next try: at random below 1 s when a good session has ended, else growing, at random between
/// half and the whole of it. `random` is 0 … 1.
fn delay(failures: u32, random: f64) -> Duration {
    if failures == 0 {
        return FIRST_DELAY.mul_f64(random);
    }
    let whole = FIRST_DELAY
        .saturating_mul(1 << (failures - 1).min(10))
        .min(LONGEST_DELAY);
    whole.mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_begins_within_a_second_and_grows_to_half_a_minute() {
        assert!(delay(0, 1.0) <= Duration::from_secs(1));
        assert_eq!(delay(1, 0.0), Duration::from_millis(500));
        assert_eq!(delay(3, 1.0), Duration::from_secs(4));
        assert_eq!(delay(u32::MAX, 1.0), LONGEST_DELAY);
        assert_eq!(delay(u32::MAX, 0.0), LONGEST_DELAY / 2);
    }
}
