//! What an attempt made goes to the controller: sent until it is durable there, refused, or nobody ever answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flatrender_protocol::message::{BlobRef, OutcomeClass};

use super::Uplink;
use super::attempt::Desk;
use super::fetch::Failure;

/// How long the controller may take to say that it is durable before it is sent again.
const STORED: Duration = Duration::from_secs(60);
/// How often it is sent whole before the attempt is given up.
const SENDS: u32 = 5;

/// Sends a file until the controller has it for good; `what` is its word in sentences. `None` when told to stop before.
pub(super) async fn hand_over<U: Uplink>(
    desk: &mut Desk<U>,
    what: &str,
    blob: &BlobRef,
    file: &Path,
) -> Option<Result<(), Failure>> {
    for _ in 0..SENDS {
        let (uplink, key) = (Arc::clone(&desk.room.uplink), desk.journal.key());
        let send = async {
            uplink.blob(key, blob, file).await?;
            tokio::time::sleep(STORED).await;
            Ok::<(), std::io::Error>(())
        };
        tokio::pin!(send);
        // The word may come before the last byte is gone, when the controller has these bytes already.
        let sent = loop {
            if desk.stopped() {
                return None;
            }
            if desk.stored.contains(&blob.digest) {
                return Some(Ok(()));
            }
            if let Some(reason) = desk.refused.remove(&blob.digest) {
                return Some(Err(Failure {
                    class: OutcomeClass::Transient,
                    message: format!("the controller refused the {what}: {reason}"),
                }));
            }
            tokio::select! {
                sent = &mut send => break sent,
                told = desk.hear() => desk.obey(told).await,
            }
        };
        if let Err(error) = sent {
            return Some(Err(Failure {
                class: OutcomeClass::Node,
                message: format!("the {what} was made and can't be read: {error}"),
            }));
        }
    }
    Some(Err(Failure {
        class: OutcomeClass::Transient,
        message: format!("the {what} was sent {SENDS} times and the controller never answered"),
    }))
}
