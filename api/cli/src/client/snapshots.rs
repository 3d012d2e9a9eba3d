//! The routes of snapshots and of the pictures of frames.

use flatrender_protocol::rest::{NewestFrameView, SnapshotSpec, SnapshotView};
use flatrender_protocol::{JobId, SnapshotId};
use reqwest::Method;

use super::{Again, Client, ClientError, Film};

/// Longest wait that the farm grants to one request, in seconds.
const WAIT_SECONDS: u64 = 20;

impl Client {
    /// `POST /v1/farm/snapshots`. Asking twice is asking once.
    ///
    /// # Errors
    /// 422 with the fields that are wrong.
    pub async fn ask_for_snapshot(&self, spec: &SnapshotSpec) -> Result<SnapshotView, ClientError> {
        self.post("/v1/farm/snapshots", spec).await
    }

    /// `GET /v1/farm/snapshots/{id}`, once it is over or after some seconds.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn snapshot_soon(&self, id: SnapshotId) -> Result<SnapshotView, ClientError> {
        let wait = [("wait", WAIT_SECONDS.to_string())];
        self.get(&format!("/v1/farm/snapshots/{id}"), &wait).await
    }

    /// `GET /v1/farm/snapshots/{id}/picture`.
    ///
    /// # Errors
    /// 404 or 409 while there is none.
    pub async fn snapshot_picture(&self, id: SnapshotId) -> Result<Film, ClientError> {
        self.picture(&format!("/v1/farm/snapshots/{id}/picture"), None)
            .await
    }

    /// `GET /v1/farm/jobs/{job}/frames/newest`.
    ///
    /// # Errors
    /// 404 while no frame is published.
    pub async fn newest_frame(&self, job: JobId) -> Result<NewestFrameView, ClientError> {
        self.get(&format!("/v1/farm/jobs/{job}/frames/newest"), &[])
            .await
    }

    /// `GET /v1/farm/jobs/{job}/frames/{frame}/picture`.
    ///
    /// # Errors
    /// 404 while the frame is not published.
    pub async fn frame_picture(
        &self,
        job: JobId,
        frame: i64,
        width: Option<u32>,
    ) -> Result<Film, ClientError> {
        let path = format!("/v1/farm/jobs/{job}/frames/{frame}/picture");
        self.picture(&path, width).await
    }

    async fn picture(&self, path: &str, width: Option<u32>) -> Result<Film, ClientError> {
        let width = width.map(|width| ("width", width.to_string()));
        let request = self.request(Method::GET, path).query(width.as_slice());
        let response = self.send(request, Again::Always).await?;
        Ok(Film::of(self.clone(), response))
    }
}
