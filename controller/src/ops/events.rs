//! `/v1/farm/events`: what happens, as it happens. A client that comes back says where it was and misses nothing.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use flatrender_api::http::{
    Answer, Event, Gives, LastEventId, Problem, Query, Refusal, Route, Shape, Table, events,
};
use flatrender_protocol::rest::EventView;
use flatrender_protocol::{JobId, TenantId};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ops, admin, failure, jobs};

/// Events read at once.
const BATCH: i64 = 500;
/// How often it looks without having been told: another controller's events ring no bell here.
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub(super) fn routes(table: Table<Ops>) -> Table<Ops> {
    let gives = Gives {
        statuses: &[200],
        body: Answer::Events(Shape::of::<EventView>()),
    };
    let entry = Route {
        query: Some(Shape::of::<FollowQuery>()),
        refuses: &[Refusal::Header, Refusal::NotFound, Refusal::Away],
        summary: "Live events",
        ..admin(Method::GET, "/v1/farm/events", "job.read", gives)
    };
    table.route(entry, follow)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FollowQuery {
    /// Of this job only.
    job: Option<JobId>,
    /// From after this one on; `Last-Event-ID` is stronger.
    after: Option<i64>,
}

async fn follow(
    State(ops): State<Ops>,
    LastEventId(last): LastEventId,
    Query(query): Query<FollowQuery>,
) -> Result<Response, Problem> {
    if let Some(after) = query.after.filter(|after| *after < 0) {
        let detail = format!("it is {after}; needed is 0 or the number of an event");
        return Err(Problem::invalid("/after", "out_of_range", detail));
    }
    if let Some(job) = query.job {
        let found = ops.farm.job(TenantId::DEFAULT, job).await;
        found
            .map_err(|error| failure::of_store(&error))?
            .ok_or_else(|| jobs::unknown(job))?;
    }
    let after = match last.or(query.after) {
        Some(after) => after,
        None => ops
            .farm
            .newest_event()
            .await
            .map_err(|error| failure::of_store(&error))?,
    };
    let follower = Follower {
        ops,
        job: query.job,
        after,
        ready: VecDeque::new(),
    };
    Ok(events(stream::unfold(
        follower,
        |mut follower| async move {
            let event = follower.next().await?;
            Some((
                Event {
                    seq: event.seq,
                    data: event,
                },
                follower,
            ))
        },
    )))
}

struct Follower {
    ops: Ops,
    job: Option<JobId>,
    after: i64,
    ready: VecDeque<EventView>,
}

impl Follower {
    /// The next event; `None` when this controller stops or can't read them: clients come back by themselves.
    async fn next(&mut self) -> Option<EventView> {
        while self.ready.is_empty() {
            if self.ops.shutdown.is_cancelled() {
                return None;
            }
            // Registered before the database is read, so that no ring falls between the two.
            let news = self.ops.farm.news.clone();
            let rung = news.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            match self
                .ops
                .farm
                .events_after(self.job, self.after, BATCH)
                .await
            {
                Ok(batch) => self.ready.extend(batch),
                Err(error) => {
                    tracing::warn!(%error, "a stream of events ends, since they can't be read");
                    return None;
                }
            }
            if self.ready.is_empty() {
                tokio::select! {
                    () = &mut rung => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = self.ops.shutdown.cancelled() => return None,
                }
            }
        }
        let event = self.ready.pop_front()?;
        self.after = event.seq;
        Some(event)
    }
}
