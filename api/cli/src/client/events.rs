//! The farm's events as a channel: connects, comes back where it was when the connection breaks, gives each event once.

use std::time::Duration;

use flatrender_protocol::JobId;
use flatrender_protocol::rest::EventView;
use reqwest::header::ACCEPT;
use reqwest::{Method, Response};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::sse::{Message, Reader};
use super::{Again, Client, ClientError, SILENCE};

/// Events that may wait for a slow reader.
const BACKLOG: usize = 256;
/// Between two connections.
const PAUSE: Duration = Duration::from_secs(1);

/// A stream of events that lasts until it is dropped or the farm refuses it.
pub struct Events {
    receiver: mpsc::Receiver<Result<EventView, ClientError>>,
    task: JoinHandle<()>,
}

impl Client {
    /// `GET /v1/farm/events`: what happens from now on, to one job or everywhere.
    pub fn events(&self, job: Option<JobId>) -> Events {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let task = tokio::spawn(run(self.clone(), job, sender));
        Events { receiver, task }
    }

    async fn open(&self, job: Option<JobId>, last: Option<i64>) -> Result<Response, ClientError> {
        let mut request = self
            .request(Method::GET, "/v1/farm/events")
            .header(ACCEPT, "text/event-stream");
        if let Some(job) = job {
            request = request.query(&[("job", job.to_string())]);
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        self.send(request, Again::Always).await
    }
}

impl Events {
    /// The next event; an error is the last thing that comes. `None` after that. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<EventView, ClientError>> {
        self.receiver.recv().await
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    client: Client,
    job: Option<JobId>,
    sender: mpsc::Sender<Result<EventView, ClientError>>,
) {
    let mut last = None;
    loop {
        match client.open(job, last).await {
            Ok(response) => {
                if read(response, &mut last, &sender).await.is_err() {
                    return;
                }
            }
            Err(error) if error.may_pass() => {}
            Err(error) => {
                // The reader may be gone already; then nobody wants to know.
                let _ = sender.send(Err(error)).await;
                return;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Nobody listens any more.
struct Gone;

async fn read(
    mut response: Response,
    last: &mut Option<i64>,
    sender: &mpsc::Sender<Result<EventView, ClientError>>,
) -> Result<(), Gone> {
    let mut reader = Reader::default();
    while let Ok(Ok(Some(bytes))) = tokio::time::timeout(SILENCE, response.chunk()).await {
        for message in reader.push(&bytes) {
            let Some(event) = event(&message) else {
                continue;
            };
            if last.is_some_and(|last| event.seq <= last) {
                continue;
            }
            *last = Some(event.seq);
            sender.send(Ok(event)).await.map_err(|_| Gone)?;
        }
    }
    Ok(())
}

/// Events of a newer farm that are not understood are skipped: the job's own view has the truth.
fn event(message: &Message) -> Option<EventView> {
    serde_json::from_str(&message.data).ok()
}
