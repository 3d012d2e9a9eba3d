//! A body of raw bytes that is too big to hold: it is read piece by piece, never beyond the length it declared nor
//! the limit of its route.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use http_body_util::BodyExt;

use super::body::{declared_length, unread};
use super::problem::Problem;
use super::table::BodyLimit;

/// Bytes on their way in. The route must say [`super::Takes::Bytes`].
#[derive(Debug)]
pub struct Upload {
    length: u64,
    left: u64,
    body: Body,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let limit = request.extensions().get::<BodyLimit>().map_or(0, |l| l.0);
        let length = declared_length(request.headers())?.ok_or_else(Problem::length_required)?;
        if length > limit {
            return Err(Problem::too_large(limit));
        }
        Ok(Self {
            length,
            left: length,
            body: request.into_body(),
        })
    }
}

impl Upload {
    /// How many bytes it has, as declared and kept to.
    pub fn length_bytes(&self) -> u64 {
        self.length
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// 400 when the sender stops early or is silent too long, 413 when it sends more than it declared.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Problem> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| unread(&error, self.length))?;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            let count = bytes.len() as u64;
            self.left = self
                .left
                .checked_sub(count)
                .ok_or_else(|| Problem::too_large(self.length))?;
            return Ok(Some(bytes));
        }
        if self.left > 0 {
            return Err(Problem::incomplete_body(format!(
                "{} of {} bytes are missing; send it again",
                self.left, self.length
            )));
        }
        Ok(None)
    }
}
