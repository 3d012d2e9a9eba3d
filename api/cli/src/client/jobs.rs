//! The routes of render jobs.

use bytes::Bytes;
use flatrender_protocol::JobId;
use flatrender_protocol::rest::{FramesSpec, JobSpec, JobView, Page};
use reqwest::{Method, Response};

use super::{ANSWER_DEADLINE, Again, Client, ClientError, PAGE, SILENCE};

impl Client {
    /// `POST /v1/farm/jobs`.
    ///
    /// # Errors
    /// 422 with the fields that are wrong.
    pub async fn submit(&self, spec: &JobSpec) -> Result<JobView, ClientError> {
        self.post("/v1/farm/jobs", spec).await
    }

    /// `GET /v1/farm/jobs/{id}`.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn job(&self, job: JobId) -> Result<JobView, ClientError> {
        self.get(&format!("/v1/farm/jobs/{job}"), &[]).await
    }

    /// `GET /v1/farm/jobs`, newest first, at most `limit` rows over as many pages as that takes. `name` is a name, an
    /// id or its last eight characters.
    ///
    /// # Errors
    /// When the farm refuses or is not there.
    pub async fn jobs(&self, name: Option<&str>, limit: u32) -> Result<Page<JobView>, ClientError> {
        self.pages("/v1/farm/jobs", name, limit).await
    }

    /// `POST /v1/farm/jobs/{id}/cancel`.
    ///
    /// # Errors
    /// 409 when it has ended already.
    pub async fn cancel(&self, job: JobId) -> Result<JobView, ClientError> {
        let request = self
            .request(Method::POST, &format!("/v1/farm/jobs/{job}/cancel"))
            .timeout(ANSWER_DEADLINE);
        let response = self.send(request, Again::IfNotSent).await?;
        self.document(response, Again::IfNotSent).await
    }

    /// `POST /v1/farm/jobs/{id}/accept` or `/repair`.
    ///
    /// # Errors
    /// 409 where that is not possible, 422 for frames that are not the job's.
    pub async fn order(
        &self,
        job: JobId,
        what: &str,
        frames: Option<&str>,
    ) -> Result<JobView, ClientError> {
        let spec = FramesSpec {
            frames: frames.map(str::to_owned),
        };
        self.post(&format!("/v1/farm/jobs/{job}/{what}"), &spec)
            .await
    }

    /// `GET /v1/farm/jobs/{id}/film`.
    ///
    /// # Errors
    /// 404 or 409 while it is not done.
    pub async fn film(&self, job: JobId) -> Result<Film, ClientError> {
        let request = self.request(Method::GET, &format!("/v1/farm/jobs/{job}/film"));
        let response = self.send(request, Again::Always).await?;
        Ok(Film {
            client: self.clone(),
            response,
        })
    }

    pub(super) async fn pages<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        name: Option<&str>,
        limit: u32,
    ) -> Result<Page<T>, ClientError> {
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let left = limit - u32::try_from(rows.len()).unwrap_or(limit).min(limit);
            let mut query = vec![("limit", left.min(PAGE).to_string())];
            query.extend(name.map(|name| ("match", name.to_owned())));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page: Page<T> = self.get(path, &query).await?;
            let empty = page.data.is_empty();
            rows.extend(page.data);
            let full = rows.len() >= limit as usize;
            if full || empty || page.page.next_cursor.is_none() {
                return Ok(Page {
                    data: rows,
                    page: page.page,
                });
            }
            cursor = page.page.next_cursor;
        }
    }
}

/// The bytes of a film or a picture on their way.
pub struct Film {
    client: Client,
    response: Response,
}

impl Film {
    pub(super) fn of(client: Client, response: Response) -> Self {
        Self { client, response }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks or is silent too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        match tokio::time::timeout(SILENCE, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(source)) => Err(self.client.broken(source, Again::Always)),
            Err(_) => Err(ClientError::Broken {
                server: self.client.server().to_owned(),
                unknown: false,
                source: None,
            }),
        }
    }
}
