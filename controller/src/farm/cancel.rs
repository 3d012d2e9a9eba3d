//! A person ends a job. Any controller may write it; the leader then tells the nodes.

use flatrender_protocol::rest::JobView;
use flatrender_protocol::state::{JobEvent, JobState};
use flatrender_protocol::{JobId, TenantId};

use super::{Farm, Input};
use crate::store::events::{self, NewEvent, Who};
use crate::store::jobs::{self, Change, Which};
use crate::store::{self, StoreError};

/// Why a job was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// No such job of this tenant.
    #[error("cancel: no such job")]
    Unknown,
    /// It is over already.
    #[error("cancel: the job is {0}")]
    State(JobState),
    /// The database is away.
    #[error("cancel")]
    Store(#[from] StoreError),
}

impl Farm {
    /// Cancels a job: nothing of it is leased or published from here on. Cancelling one that is being cancelled changes
    /// nothing.
    ///
    /// # Errors
    /// [`CancelError`].
    pub async fn cancel(&self, tenant: TenantId, id: JobId) -> Result<JobView, CancelError> {
        let view = self.job(tenant, id).await?.ok_or(CancelError::Unknown)?;
        if matches!(view.state, JobState::Cancelling | JobState::Cancelled) {
            return Ok(view);
        }
        let mut tx = store::begin(&self.worker).await?;
        jobs::lock(&mut tx, &[id]).await?;
        let found = jobs::read(&mut tx, Which::Ids(vec![id])).await?;
        let job = found.first().ok_or(CancelError::Unknown)?;
        let to = job
            .state
            .next(JobEvent::CancelAsked)
            .map_err(|_| CancelError::State(job.state))?;
        jobs::close(&mut tx, id).await?;
        let change = Change {
            reason: Some("cancelled by a person".to_owned()),
        };
        jobs::set_state(&mut tx, id, job.state, to, &change).await?;
        let event = NewEvent {
            tenant,
            subject: "job",
            job: Some(id),
            node: None,
            attempt: None,
            from: Some(job.state.as_str()),
            to: to.as_str(),
            who: Who::Operator,
            why: None,
        };
        events::write(&mut tx, &[event]).await?;
        store::commit(tx).await?;
        self.news.notify_waiters();
        // A full channel means that the leader is at work and will look anyway.
        self.inputs.try_send(Input::Wake).ok();
        self.job(tenant, id).await?.ok_or(CancelError::Unknown)
    }
}
