//! The use cases of the farm: submit, lease, report, publish, assemble, cancel, enrol, lead. `link` and `ops` call in here;
//! here `plan` decides and `store` remembers. One leader task owns what changes ([`leader`]); everything else asks it through
//! one bounded channel or reads the database.

mod admit;
mod cancel;
mod grants;
mod inputs;
pub mod leader;
mod leftovers;
mod pictures;
mod prepared;
mod presence;
mod repair;
mod settings;
mod snapshots;
mod sound;
mod standing;
mod submit;
mod views;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use flatrender_protocol::JobId;
use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::blobs::Blobs;

pub use admit::{EnrolError, Enrolled, Signed};
pub use cancel::CancelError;

pub use grants::Grants;
pub use inputs::{FromAgent, Input, SessionId};
pub use leftovers::{SweepError, Swept};
pub use pictures::{FramePicture, PictureError, WhichFrame};
pub use presence::{Heard, Presence};
pub use repair::RepairError;
pub use settings::Settings;
pub use submit::SubmitError;
pub use views::PageQuery;

/// How many inputs may wait for the leader; beyond it, senders wait.
const INPUTS: usize = 1024;
/// How many packages are read whole at once.
const PACKAGES_AT_ONCE: usize = 2;

/// The farm, as `link` and `ops` see it. Cheap to clone.
#[derive(Clone)]
pub struct Farm {
    /// To the leader.
    pub inputs: mpsc::Sender<Input>,
    /// When each node was last heard.
    pub presence: Arc<Presence>,
    /// Which blobs each node may read.
    pub grants: Arc<Grants>,
    /// The store.
    pub blobs: Blobs,
    /// Rings when events were written.
    pub news: Arc<Notify>,
    /// Rings when a snapshot is there or has failed.
    pub(crate) snapshots_over: Arc<Notify>,
    studio: Arc<pictures::Studio>,
    pub(crate) estimates: Arc<RwLock<HashMap<JobId, u64>>>,
    /// Why jobs wait, as the leader last saw it.
    pub(crate) waits: Arc<RwLock<HashMap<JobId, String>>>,
    /// Turns for reading packages whole.
    pub(crate) packages: Arc<Semaphore>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) worker: PgPool,
    pub(crate) tenant: PgPool,
}

impl Farm {
    /// The farm over two pools: the leader's role, and the role of tenants' requests. The receiver is the leader's.
    pub fn new(
        worker: PgPool,
        tenant: PgPool,
        blobs: Blobs,
        settings: Settings,
    ) -> (Self, mpsc::Receiver<Input>) {
        let (inputs, receiver) = mpsc::channel(INPUTS);
        let farm = Self {
            inputs,
            presence: Arc::default(),
            grants: Arc::default(),
            blobs,
            news: Arc::default(),
            snapshots_over: Arc::default(),
            studio: Arc::default(),
            estimates: Arc::default(),
            waits: Arc::default(),
            packages: Arc::new(Semaphore::new(PACKAGES_AT_ONCE)),
            settings: Arc::new(settings),
            worker,
            tenant,
        };
        (farm, receiver)
    }
}
