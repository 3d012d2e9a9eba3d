//! What the farm's errors are over HTTP: away for now, or our fault.

use flatrender_api::http::Problem;

use crate::blobs::BlobError;
use crate::store::StoreError;

/// When a client should try again.
const RETRY_AFTER_SECONDS: u32 = 2;

/// A database that is away is 503, the rest is ours: 500.
pub(super) fn of_store(error: &StoreError) -> Problem {
    if error.is_away() {
        return Problem::unavailable(Some(error), RETRY_AFTER_SECONDS);
    }
    Problem::internal(error)
}

/// A store that fails is ours, whatever it is: what callers can do wrong is answered before.
pub(super) fn of_blobs(error: &BlobError) -> Problem {
    Problem::internal(error)
}
