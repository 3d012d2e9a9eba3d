//! The life of a render job. Derived from its attempts and frames, except for what a person orders.

use serde::{Deserialize, Serialize};

use super::{Illegal, names};

/// Where a render job is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Nothing has been leased yet.
    Queued,
    /// Its values are being set by After Effects.
    Preparing,
    /// Frames are leased or wait to be.
    Running,
    /// Every frame is published; the film is being made.
    Assembling,
    /// The film is an export.
    Done,
    /// A person holds it.
    Paused,
    /// A person ended it; nodes are letting go.
    Cancelling,
    /// A person ended it.
    Cancelled,
    /// It can't be finished; its reason says why.
    Failed,
}

names!(JobState {
    Queued = "queued",
    Preparing = "preparing",
    Running = "running",
    Assembling = "assembling",
    Done = "done",
    Paused = "paused",
    Cancelling = "cancelling",
    Cancelled = "cancelled",
    Failed = "failed",
});

/// What happens to a render job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobEvent {
    /// A prepare attempt was leased.
    PrepareLeased,
    /// First frames were leased.
    FramesLeased,
    /// The last unpublished frame was published.
    FramesComplete,
    /// The film was checked and became the export.
    FilmPublished,
    /// A frame of a job that was being assembled must be rendered again.
    FramesReopened,
    /// A frame, the prepare or the film can't be made.
    CannotFinish,
    /// A person pauses.
    PauseAsked,
    /// A person resumes.
    ResumeAsked,
    /// A person cancels.
    CancelAsked,
    /// The last node has let go of a cancelled job.
    LetGo,
    /// A person wants it rendered again.
    RequeueAsked,
    /// A person wants some of its frames rendered again.
    RepairAsked,
}

impl JobState {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`Illegal`] when the machine has no such step.
    pub fn next(self, event: JobEvent) -> Result<Self, Illegal> {
        use JobEvent as E;
        use JobState as S;
        Ok(match (self, event) {
            (S::Queued, E::PrepareLeased) => S::Preparing,
            (S::Queued | S::Preparing | S::Running, E::FramesLeased) => S::Running,
            (S::Running, E::FramesComplete) => S::Assembling,
            (S::Assembling, E::FramesReopened) => S::Running,
            (S::Assembling, E::FilmPublished) => S::Done,
            (S::Queued | S::Preparing | S::Running | S::Assembling, E::CannotFinish) => S::Failed,
            (S::Queued | S::Preparing | S::Running, E::PauseAsked) => S::Paused,
            (S::Paused, E::ResumeAsked) => S::Queued,
            (S::Queued | S::Preparing | S::Running | S::Assembling | S::Paused, E::CancelAsked) => {
                S::Cancelling
            }
            (S::Cancelling, E::LetGo) => S::Cancelled,
            (S::Done | S::Failed | S::Cancelled, E::RequeueAsked) => S::Queued,
            (S::Running | S::Assembling | S::Done | S::Failed, E::RepairAsked) => S::Running,
            (state, event) => return Err(Illegal::new("render job", state, event)),
        })
    }

    /// Whether nothing more happens by itself.
    pub fn is_final(self) -> bool {
        match self {
            Self::Done | Self::Cancelled | Self::Failed => true,
            Self::Queued
            | Self::Preparing
            | Self::Running
            | Self::Assembling
            | Self::Paused
            | Self::Cancelling => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_job_reaches_done() {
        let mut state = JobState::Queued;
        for event in [
            JobEvent::FramesLeased,
            JobEvent::FramesComplete,
            JobEvent::FilmPublished,
        ] {
            state = state.next(event).unwrap();
        }
        assert_eq!(state, JobState::Done);
        assert!(state.is_final());
    }

    #[test]
    fn a_film_can_be_mended_but_what_a_person_ended_can_not() {
        for state in [JobState::Done, JobState::Failed, JobState::Assembling] {
            assert_eq!(state.next(JobEvent::RepairAsked), Ok(JobState::Running));
        }
        assert!(JobState::Cancelled.next(JobEvent::RepairAsked).is_err());
    }

    #[test]
    fn a_finished_job_is_not_cancelled() {
        let error = JobState::Done.next(JobEvent::CancelAsked).unwrap_err();
        assert_eq!(
            error.to_string(),
            "render job: CancelAsked is not possible when Done"
        );
    }

    #[test]
    fn every_name_goes_there_and_back() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse::<JobState>().unwrap(), *state);
        }
    }
}
