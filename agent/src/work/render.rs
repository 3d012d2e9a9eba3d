//! The rendering of a frame job. It begins where the journal says that the attempt stands: at the start, beside a renderer
//! that runs under its shim, or at what an ended one left.

use std::time::Duration;

use flatrender_protocol::message::{Ending, FramesWork, Report};
use tokio::sync::OwnedSemaphorePermit;

use super::Uplink;
use super::attempt::{Desk, Tells};
use super::fetch::Failure;
use super::journal::{JournalError, Step};
use super::run::Run;
use super::shim::{Found, Shim};
use super::start::begin;

/// How long a shim that is being born may take to be found.
const FIND: Duration = Duration::from_secs(3);

/// Renders; the report, or `None` when the agent leaves and the renderer goes on.
pub(super) async fn render<U: Uplink>(
    desk: &mut Desk<U>,
    work: FramesWork,
) -> Result<Option<Report>, JournalError> {
    let slots = desk.room.slots.clone();
    let _permit: Option<OwnedSemaphorePermit>;
    let found = match desk.journal.record().step {
        Step::Accepted | Step::Ended(_) => Ok(Found::Never),
        Step::Starting | Step::Running { .. } | Step::Stopping { .. } => {
            let folder = desk.journal.folder().to_owned();
            desk.see_through(Shim::find(&folder, FIND)).await
        }
    };
    let mut run = match found {
        Ok(Found::Alive(shim)) => {
            tracing::info!("renderer found again; going on");
            if matches!(desk.journal.record().step, Step::Stopping { .. }) {
                // It was being stopped when the agent ended, and what it has not rendered is not wanted from it.
                desk.give_back = true;
            }
            // It runs, whether there is a slot for it or not.
            _permit = slots.try_acquire_owned().ok();
            desk.tell(Tells::Started).await;
            Run::new(desk, work, Some(shim))
        }
        Ok(Found::Ended(exit)) => {
            if matches!(desk.journal.record().step, Step::Stopping { .. }) {
                desk.give_back = true;
            }
            let mut run = Run::new(desk, work, None);
            run.exit = Some(exit);
            run
        }
        Ok(Found::Never) => {
            let Some(permit) = desk.attend(slots.acquire_owned()).await else {
                return Ok(before_the_start(desk));
            };
            _permit = permit.ok();
            match begin(desk, &work).await? {
                None => return Ok(before_the_start(desk)),
                Some(Err(failure)) => {
                    return Ok(Some(desk.report(
                        Ending::Failed,
                        failure.class,
                        failure.message,
                    )));
                }
                Some(Ok((shim, turn))) => {
                    let mut run = Run::new(desk, work, Some(shim));
                    run.ordered = desk.journal.record().until;
                    run.turn = Some(turn);
                    run
                }
            }
        }
        Err(error) => {
            let failure = Failure::node(&error);
            return Ok(Some(desk.report(
                Ending::Failed,
                failure.class,
                failure.message,
            )));
        }
    };
    let follow = run.follow(desk).await?;
    if !follow {
        return Ok(None);
    }
    run.take_the_rest(desk).await;
    Ok((!desk.leaving).then(|| run.report(desk)))
}

/// Told to stop before anything was started, or nothing is left to be rendered.
fn before_the_start<U: Uplink>(desk: &Desk<U>) -> Option<Report> {
    (!desk.leaving).then(|| desk.stopped_report())
}
