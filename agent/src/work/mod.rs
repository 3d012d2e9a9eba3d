//! Work: attempts from lease to report, the spool of finished frames, the shim that outlives the agent, and the journal
//! by which the next agent finds it all again. It never talks to the controller itself: the link hands it what was said
//! ([`Handle`]) and carries what it has to say ([`Uplink`]); without a link it goes on with what it holds.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};

use flatrender_protocol::message::{BlobRef, LeaseKey};

use crate::cache::Fetch;

mod assemble;
mod attempt;
pub mod durable;
mod fetch;
mod follow;
mod hand_over;
pub mod journal;
mod render;
mod run;
pub mod shim;
mod snapshot;
mod source;
pub mod spool;
mod start;
mod supervisor;
mod take;
mod vigil;

pub use supervisor::{Busy, Handle, Resume, WorkError, start};

/// The way to the controller, as work sees it.
pub trait Uplink: Fetch + 'static {
    /// Sends a finished film, as often as it takes until its bytes have arrived.
    ///
    /// # Errors
    /// The file can't be read.
    fn film(
        &self,
        lease: LeaseKey,
        blob: &BlobRef,
        file: &Path,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Sends what else an attempt made, as often as it takes until its bytes have arrived.
    ///
    /// # Errors
    /// The file can't be read.
    fn blob(
        &self,
        lease: LeaseKey,
        blob: &BlobRef,
        file: &Path,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Sends the renderer's output once, if there is a controller now; a log is not worth waiting for.
    fn log(&self, lease: LeaseKey, file: PathBuf) -> impl Future<Output = ()> + Send;
}

/// The renderer of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renderer {
    /// aerender.
    pub program: PathBuf,
    /// Its version, such as `26.2x49`.
    pub version: String,
}
