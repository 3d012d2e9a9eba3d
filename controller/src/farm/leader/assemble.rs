//! From the last frame to the film.

#![expect(
    clippy::disallowed_methods,
    reason = "what the leader hears is stamped when it is heard"
)]

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use flatrender_protocol::message::{
    BlobRef, FilmManifest, FilmReport, FilmWork, Lease as LeaseMessage, OutcomeClass, Report,
    ToAgent, TrackWork, Work,
};
use flatrender_protocol::state::{AttemptState, JobEvent, JobState};
use flatrender_protocol::{AttemptId, Digest, JobId, NodeId};

use super::Leader;
use crate::blobs::{Area, BlobError};
use crate::plan::{Lease, LeaseWork};
use crate::store::events::{self, NewEvent, Who};
use crate::store::leases::{self, End};
use crate::store::{StoreError, begin, commit, exports, frames, jobs};

impl Leader {
    /// Every frame is published: nobody need hold any of it. The film can be made once they are found right together.
    pub(super) async fn frames_complete(&mut self, id: JobId) -> Result<(), StoreError> {
        self.to_check.insert(id);
        if let Some(job) = self.snapshot.jobs.get_mut(&id) {
            job.todo.clear();
        }
        // Holders whose report is on its way end by it; those that still render what came from elsewhere are told to stop;
        // silent ones can't be told and are let go.
        let held: Vec<Lease> = self
            .snapshot
            .leases
            .values()
            .filter(|lease| lease.job == id)
            .cloned()
            .collect();
        let (gone, reachable): (Vec<_>, Vec<_>) = held
            .into_iter()
            .partition(|lease| !self.sessions.contains_key(&lease.node));
        let end = End {
            message: "its frames came from elsewhere".to_owned(),
            ..End::default()
        };
        if !gone.is_empty() {
            let ended = gone
                .into_iter()
                .map(|l| (l, AttemptState::Lost, end.clone()))
                .collect();
            self.end_leases(
                ended,
                flatrender_protocol::state::FrameJobState::Returned,
                Who::Farm,
            )
            .await?;
        }
        for lease in reachable.iter().filter(|lease| lease.span().is_some()) {
            let copied = matches!(
                lease.work,
                LeaseWork::Frames {
                    speculative: true,
                    ..
                }
            );
            let silent = self.link(lease.node) != flatrender_protocol::state::Link::Online;
            if copied || silent {
                let reason = "its frames came from elsewhere".to_owned();
                self.send(
                    lease.node,
                    ToAgent::Drop {
                        lease: lease.key,
                        reason,
                    },
                );
            }
        }
        Ok(())
    }

    /// Leases the film to a node. Answers whether it did.
    pub(super) async fn lease_film(&mut self, id: JobId, node: NodeId) -> Result<bool, StoreError> {
        let blobs = self.frame_blobs(id).await?;
        let Some(facts) = self.facts.get(&id) else {
            return Ok(false);
        };
        let row = facts.row.clone();
        let manifest = match self.store_manifest(&blobs).await {
            Ok(manifest) => manifest,
            Err(error) => {
                tracing::error!(job = %id, error = &error as &dyn std::error::Error, "the film's manifest can't be stored");
                return Ok(false);
            }
        };
        let attempt = AttemptId::new();
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[id]).await?;
        let Some(leased) = leases::lease_assembly(&mut tx, attempt, id, node).await? else {
            commit(tx).await?;
            self.look = true;
            return Ok(false);
        };
        let event = NewEvent {
            tenant: row.tenant,
            subject: "attempt",
            job: Some(id),
            node: Some(node),
            attempt: Some(attempt),
            from: None,
            to: AttemptState::Starting.as_str(),
            who: Who::Planner,
            why: Some("assemble the film".to_owned()),
        };
        events::write(&mut tx, &[event]).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        let work = FilmWork {
            manifest: manifest.clone(),
            frames: row.frames.len(),
            rate: row.rate,
            width: row.width,
            height: row.height,
            pixel_aspect: row.pixel_aspect,
            background: row.background,
            tracks: row
                .tracks
                .iter()
                .map(|track| TrackWork {
                    kind: track.kind,
                    blob: BlobRef {
                        digest: track.digest,
                        bytes: track.bytes,
                    },
                    volume_percent: track.volume,
                })
                .collect(),
        };
        let key = leased.key;
        let lease = Lease {
            key,
            job: id,
            node,
            work: LeaseWork::Assemble,
            shrinking: false,
            stopping: false,
        };
        self.hold(lease);
        self.grant_film(id, node, attempt, manifest.digest, &blobs);
        let job_name = row.name.clone();
        let message = LeaseMessage {
            key,
            job: id,
            job_name,
            work: Work::Assemble(work),
        };
        self.send(node, ToAgent::Lease(Box::new(message)));
        Ok(true)
    }

    async fn frame_blobs(&self, id: JobId) -> Result<Vec<BlobRef>, StoreError> {
        let mut tx = begin(&self.farm.worker).await?;
        let found = frames::blobs(&mut tx, id).await?;
        commit(tx).await?;
        Ok(found.into_iter().map(|(_, blob, _)| blob).collect())
    }

    async fn store_manifest(&self, blobs: &[BlobRef]) -> Result<BlobRef, BlobError> {
        let manifest = FilmManifest {
            frames: blobs.to_vec(),
        };
        let json = serde_json::to_vec(&manifest).expect("a manifest is plain data");
        self.farm.blobs.put(Area::Farm, Bytes::from(json)).await
    }

    fn grant_film(
        &self,
        id: JobId,
        node: NodeId,
        attempt: AttemptId,
        manifest: Digest,
        blobs: &[BlobRef],
    ) {
        let mut digests: HashSet<Digest> = blobs.iter().map(|blob| blob.digest).collect();
        digests.insert(manifest);
        if let Some(facts) = self.facts.get(&id) {
            digests.extend(facts.row.tracks.iter().map(|track| track.digest));
        }
        self.farm.grants.give(node, attempt, digests);
    }

    /// At the start of a term: holders of assemblies may read their frames again.
    pub(super) async fn grant_films(&mut self) -> Result<(), StoreError> {
        let films: HashMap<JobId, (NodeId, AttemptId)> = self
            .snapshot
            .leases
            .values()
            .filter(|lease| lease.work == LeaseWork::Assemble)
            .map(|lease| (lease.job, (lease.node, lease.key.attempt)))
            .collect();
        for (id, (node, attempt)) in films {
            let blobs = self.frame_blobs(id).await?;
            match self.store_manifest(&blobs).await {
                Ok(manifest) => self.grant_film(id, node, attempt, manifest.digest, &blobs),
                Err(error) => {
                    tracing::error!(job = %id, error = &error as &dyn std::error::Error, "the film's manifest can't be stored")
                }
            }
        }
        Ok(())
    }

    /// A film was reported: it becomes the export when it is whole, in the store, and what the job asked for.
    pub(super) async fn film_made(
        &mut self,
        lease: &Lease,
        mut report: Report,
    ) -> Result<(), StoreError> {
        let wrong = match report.film() {
            None => Some("success was reported without a film".to_owned()),
            Some(film) => self.film_wrong(lease.job, film).await,
        };
        if let Some(message) = wrong {
            report.class = OutcomeClass::Transient;
            report.message = message;
            let now = std::time::Instant::now();
            return self.failed(lease.node, lease, &report, now).await;
        }
        let Some(film) = report.film().cloned() else {
            return Ok(());
        };
        let mut tx = self.begin().await?;
        let open = jobs::lock(&mut tx, &[lease.job]).await?;
        let end = super::report::end_of(&report);
        let live = leases::end(&mut tx, lease.key, AttemptState::Succeeded, &end).await?;
        if live && !open.is_empty() && exports::ready(&mut tx, lease.job, lease.key, &film).await? {
            let event = self
                .step(&mut tx, lease.job, JobEvent::FilmPublished, None)
                .await?;
            let mut events = vec![NewEvent {
                tenant: self.tenant(lease.job),
                subject: "attempt",
                job: Some(lease.job),
                node: Some(lease.node),
                attempt: Some(lease.key.attempt),
                from: None,
                to: AttemptState::Succeeded.as_str(),
                who: Who::Agent,
                why: None,
            }];
            events.extend(event);
            Self::write_events(&mut tx, &events).await?;
            let payload = serde_json::json!({ "job": lease.job, "film": film.blob.digest, "bytes": film.blob.bytes });
            let tenant = self.tenant(lease.job);
            events::outbox(
                &mut tx,
                tenant,
                "render.job.done",
                &lease.job.to_string(),
                &payload,
            )
            .await?;
        }
        commit(tx).await?;
        self.farm.news.notify_waiters();
        if let Some(job) = self.snapshot.jobs.get_mut(&lease.job)
            && job.state == JobState::Assembling
        {
            job.state = JobState::Done;
        }
        self.let_go(lease.key);
        self.finish_cancelled().await
    }

    async fn film_wrong(&self, id: JobId, film: &FilmReport) -> Option<String> {
        let row = &self.facts.get(&id)?.row;
        let (width, height) = (
            row.width + u32::from(film.padded.0),
            row.height + u32::from(film.padded.1),
        );
        if film.frames != row.frames.len() || (film.width, film.height) != (width, height) {
            return Some(format!(
                "the film has {} frames of {} × {}; {} of {width} × {height} were asked for",
                film.frames,
                film.width,
                film.height,
                row.frames.len()
            ));
        }
        match self.farm.blobs.size(Area::Files, film.blob.digest).await {
            Ok(Some(bytes)) if bytes == film.blob.bytes => None,
            Ok(_) => Some("the film was reported, but is not in the store".to_owned()),
            Err(error) => Some(format!("the film can't be found in the store: {error}")),
        }
    }
}
