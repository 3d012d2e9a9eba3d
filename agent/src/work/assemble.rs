//! The assembly of a film. This build has no encoder, and says so: the controller leases assemblies only to nodes that
//! can.

use flatrender_protocol::message::{Ending, FilmWork, OutcomeClass, Report};

use super::Uplink;
use super::attempt::Desk;
use super::journal::JournalError;

/// Declines.
pub(super) async fn assemble<U: Uplink>(
    desk: &mut Desk<U>,
    work: FilmWork,
) -> Result<Option<Report>, JournalError> {
    let _turn = desk.attend(async { drop(work) }).await;
    let message = "this agent cannot assemble films".to_owned();
    Ok((!desk.leaving).then(|| desk.report(Ending::Failed, OutcomeClass::Node, message)))
}
