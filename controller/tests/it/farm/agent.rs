//! An agent that is a channel: it takes what the leader says, and says what the test wants.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flatrender_controller::blobs::Area;
use flatrender_controller::farm::{Farm, FromAgent, Input, SessionId};
use flatrender_protocol::message::{
    BlobRef, Ending, EnrolRequest, FilmReport, FrameHeader, FrameOutcome, FramesWork, Held,
    Inventory, Lease, LeaseKey, Made, Measures, OutcomeClass, Packing, PrepareWork, PreparedReport,
    Report, SnapshotReport, SnapshotWork, SoundReport, SoundWork, ToAgent, Work,
};
use flatrender_protocol::{Digest, NodeId, values};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use uuid::Uuid;

static SESSIONS: AtomicU64 = AtomicU64::new(1);

pub struct FakeAgent {
    pub node: NodeId,
    farm: Farm,
    session: SessionId,
    inbox: mpsc::Receiver<ToAgent>,
    /// What it renders with.
    pub version: String,
}

impl FakeAgent {
    /// Enrols, connects and says that it holds nothing.
    pub async fn join(farm: &Farm, name: &str) -> Self {
        let node = enrol(farm, name).await;
        Self::connect(farm, node, Vec::new()).await
    }

    /// Enrols and connects as a machine with this After Effects, which runs scripts or only renders.
    pub async fn join_with(farm: &Farm, name: &str, version: &str, can_prepare: bool) -> Self {
        let node = enrol(farm, name).await;
        let inventory = Inventory {
            renderers: vec![version.to_owned()],
            can_prepare,
            ..inventory()
        };
        Self::connect_with(farm, node, Vec::new(), inventory).await
    }

    /// Connects and says what it holds.
    pub async fn connect(farm: &Farm, node: NodeId, held: Vec<Held>) -> Self {
        Self::connect_with(farm, node, held, inventory()).await
    }

    async fn connect_with(
        farm: &Farm,
        node: NodeId,
        held: Vec<Held>,
        inventory: Inventory,
    ) -> Self {
        let (to_agent, inbox) = mpsc::channel(1024);
        let session = SessionId(SESSIONS.fetch_add(1, Ordering::SeqCst));
        farm.presence.of(node).note(Instant::now());
        let joined = Input::Joined {
            node,
            session,
            boot: Uuid::new_v4(),
            agent_version: "0.1.0".to_owned(),
            to_agent,
        };
        farm.inputs.send(joined).await.expect("a leader");
        let mut agent = Self {
            node,
            farm: farm.clone(),
            session,
            inbox,
            version: String::new(),
        };
        agent.version.clone_from(&inventory.renderers[0]);
        agent.say(FromAgent::Inventory(inventory)).await;
        agent.say(FromAgent::Holding(held)).await;
        agent
            .hear(|message| matches!(message, ToAgent::Verdicts(_)).then_some(()))
            .await;
        agent
    }

    pub async fn say(&self, what: FromAgent) {
        let said = Input::Said {
            node: self.node,
            session: self.session,
            what,
        };
        self.farm.inputs.send(said).await.expect("a leader");
    }

    /// The first message that `pick` takes; others are dropped. It lives while it waits.
    pub async fn hear<T>(&mut self, mut pick: impl FnMut(ToAgent) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            self.live();
            let wait = tokio::time::timeout(Duration::from_millis(50), self.inbox.recv()).await;
            match wait {
                Ok(Some(message)) => {
                    if let Some(value) = pick(message) {
                        return value;
                    }
                }
                Ok(None) => panic!("the leader ended the session"),
                Err(_) => {
                    assert!(
                        tokio::time::Instant::now() < deadline,
                        "the leader said nothing of it"
                    );
                }
            }
        }
    }

    pub fn live(&self) {
        self.farm.presence.of(self.node).note(Instant::now());
    }

    pub async fn leased(&mut self) -> Lease {
        self.hear(|message| match message {
            ToAgent::Lease(lease) => Some(*lease),
            _ => None,
        })
        .await
    }

    pub async fn frames_leased(&mut self) -> (LeaseKey, FramesWork) {
        let lease = self.leased().await;
        match lease.work {
            Work::Frames(work) => (lease.key, work),
            other => panic!("frames were awaited, not {other:?}"),
        }
    }

    /// Whether something is leased within a while.
    pub async fn nothing_leased(&mut self, within: Duration) -> bool {
        let until = tokio::time::Instant::now() + within;
        while tokio::time::Instant::now() < until {
            self.live();
            if let Ok(Some(ToAgent::Lease(_))) =
                tokio::time::timeout(Duration::from_millis(20), self.inbox.recv()).await
            {
                return false;
            }
        }
        true
    }

    pub async fn send_frame(&self, key: LeaseKey, ordinal: u32) {
        let bytes = Bytes::from(format!("frame {ordinal} of {}", key.attempt));
        self.send_frame_of(key, ordinal, bytes).await;
    }

    /// Sends a frame whose stored bytes are these.
    pub async fn send_frame_of(&self, key: LeaseKey, ordinal: u32, bytes: Bytes) {
        let blob = self
            .farm
            .blobs
            .put(Area::Farm, bytes)
            .await
            .expect("stored");
        let header = FrameHeader {
            lease: key,
            ordinal,
            pixels: Digest::of(&ordinal.to_be_bytes()),
            blob,
            packing: Packing::ZstdTiff,
            measures: Measures {
                width: 64,
                height: 36,
                bits: 8,
                alpha: true,
                mean_luma: 0.5,
                perceptual_hash: 7,
                ..Measures::default()
            },
            render_ms: 10,
            renderer: self.version.clone(),
        };
        self.say(FromAgent::Frame(Box::new(header))).await;
    }

    /// Sends a frame and waits for what became of it.
    pub async fn frame(&mut self, key: LeaseKey, ordinal: u32) -> FrameOutcome {
        self.send_frame(key, ordinal).await;
        self.hear(|message| match message {
            ToAgent::FrameAck {
                ordinal: acked,
                outcome,
                ..
            } if acked == ordinal => Some(outcome),
            _ => None,
        })
        .await
    }

    pub async fn report(&self, key: LeaseKey, ending: Ending, class: OutcomeClass, message: &str) {
        self.tell_report(key, ending, class, message, None).await;
    }

    /// Reports what an attempt without frames made.
    pub async fn made(&self, key: LeaseKey, made: Made) {
        let (ending, class) = (Ending::Succeeded, OutcomeClass::Ok);
        self.tell_report(key, ending, class, "", Some(made)).await;
    }

    async fn tell_report(
        &self,
        lease: LeaseKey,
        ending: Ending,
        class: OutcomeClass,
        message: &str,
        made: Option<Made>,
    ) {
        let report = Report {
            lease,
            ending,
            class,
            exit_code: Some(0),
            message: message.to_owned(),
            log_tail: String::new(),
            startup_ms: Some(5),
            total_ms: 50,
            made,
        };
        self.say(FromAgent::Report(Box::new(report))).await;
    }

    pub async fn snapshot_leased(&mut self) -> (LeaseKey, SnapshotWork) {
        let lease = self.leased().await;
        match lease.work {
            Work::Snapshot(work) => (lease.key, work),
            other => panic!("a snapshot was awaited, not {other:?}"),
        }
    }

    /// Stores a picture and reports it, with a size of its own.
    pub async fn picture(&self, lease: LeaseKey, work: &SnapshotWork, size: (u32, u32)) {
        let picture = Bytes::from(format!("frame {} of {}", work.display, work.composition));
        let blob = self.farm.blobs.put(Area::Farm, picture).await;
        let made = Made::Snapshot(SnapshotReport {
            blob: blob.expect("stored"),
            width: size.0,
            height: size.1,
        });
        self.tell_report(lease, Ending::Succeeded, OutcomeClass::Ok, "", Some(made))
            .await;
    }

    /// Renders a lease to its end, film or frames.
    pub async fn work(&mut self, lease: Lease) {
        match lease.work {
            Work::Frames(work) => {
                self.say(FromAgent::Started(lease.key)).await;
                for ordinal in work.span.ordinals() {
                    self.live();
                    self.send_frame(lease.key, ordinal).await;
                }
                self.report(lease.key, Ending::Succeeded, OutcomeClass::Ok, "")
                    .await;
            }
            Work::Snapshot(work) => {
                self.say(FromAgent::Started(lease.key)).await;
                self.picture(lease.key, &work, work.size).await;
            }
            Work::Prepare(work) => {
                let prepared = self.prepared(&work, &self.script_report(&work)).await;
                self.made(lease.key, prepared).await;
            }
            Work::Sound(work) => {
                let sound = self.sound(&work, work.frames).await;
                self.made(lease.key, sound).await;
            }
            Work::Assemble(work) => {
                let film = Bytes::from(format!("film of {}", lease.job));
                let blob = self
                    .farm
                    .blobs
                    .put(Area::Files, film)
                    .await
                    .expect("stored");
                let film = FilmReport {
                    blob,
                    width: work.width,
                    height: work.height,
                    padded: (0, 0),
                    frames: work.frames,
                    duration_ms: work.rate.millis_of(u64::from(work.frames)),
                    sound: !work.tracks.is_empty(),
                };
                self.tell_report(
                    lease.key,
                    Ending::Succeeded,
                    OutcomeClass::Ok,
                    "",
                    Some(Made::Film(film)),
                )
                .await;
            }
        }
    }

    /// What the script says of a project that it prepared without any trouble: ten frames of 64 × 36 at 25 a second.
    pub fn script_report(&self, work: &PrepareWork) -> values::Report {
        values::Report {
            version: values::VERSION,
            host: values::Host {
                version: self.version.clone(),
                os: "test".to_owned(),
            },
            saved: true,
            stopped: None,
            changes: Vec::new(),
            scenes: None,
            comp: Some(values::CompReport {
                comp: work.composition.clone(),
                frames: 10,
                width: 64,
                height: 36,
                frame_rate: 25.0,
                pixel_aspect: 1.0,
                project_base: 0,
                start_frame: 0,
                background: [0.0, 0.0, 0.0],
                sound: false,
            }),
            fonts: Vec::new(),
            fonts_missing: None,
            effects: Vec::new(),
            expression_errors: Vec::new(),
            footage_missing: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Stores a prepared project and its report.
    pub async fn prepared(&self, work: &PrepareWork, report: &values::Report) -> Made {
        let saved = format!(
            "saved as {} with {}",
            work.prepared_name, work.values.digest
        );
        let project = self.stored(Bytes::from(saved)).await;
        let report = serde_json::to_vec(report).expect("plain data");
        let report = self.stored(Bytes::from(report)).await;
        Made::Prepared(PreparedReport { project, report })
    }

    /// Stores a sound of so many frames.
    pub async fn sound(&self, work: &SoundWork, frames: u32) -> Made {
        let blob = self.stored(Bytes::from(format!("sound of {work:?}"))).await;
        let seconds = f64::from(frames) / work.rate.as_f64();
        Made::Sound(SoundReport {
            blob,
            samples: (seconds * 48_000.0).round() as u64,
            rate: 48_000,
            channels: 2,
        })
    }

    async fn stored(&self, bytes: Bytes) -> BlobRef {
        let stored = self.farm.blobs.put(Area::Farm, bytes).await;
        stored.expect("stored")
    }

    /// Works on whatever comes until `over`.
    pub async fn work_until(&mut self, mut over: impl AsyncFnMut() -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while !over().await {
            assert!(tokio::time::Instant::now() < deadline, "worked in vain");
            self.live();
            let wait = tokio::time::timeout(Duration::from_millis(20), self.inbox.recv()).await;
            if let Ok(Some(ToAgent::Lease(lease))) = wait {
                self.work(*lease).await;
            }
        }
    }

    pub async fn disconnect(self) -> NodeId {
        let left = Input::Left {
            node: self.node,
            session: self.session,
        };
        self.farm.inputs.send(left).await.expect("a leader");
        self.node
    }
}

fn inventory() -> Inventory {
    Inventory {
        hostname: "host".to_owned(),
        os: "test".to_owned(),
        cores: 2,
        memory_mib: 1024,
        slots: 1,
        renderers: vec!["25.2x26".to_owned()],
        can_assemble: true,
        can_prepare: true,
    }
}

pub async fn enrol(farm: &Farm, name: &str) -> NodeId {
    let secret: [u8; 32] = Digest::of(name.as_bytes()).0;
    farm.keep_token(&secret, "test", Duration::from_secs(60))
        .await
        .expect("a token");
    let request = EnrolRequest {
        secret,
        signing_request: Vec::new(),
        name: name.to_owned(),
        hostname: "host".to_owned(),
        os: "test".to_owned(),
    };
    let sign = |node: NodeId, _: &[u8]| {
        Ok(flatrender_controller::farm::Signed {
            certificate: node.0.as_bytes().to_vec(),
            fingerprint: Digest::of(node.0.as_bytes()).0,
            not_after: OffsetDateTime::now_utc() + Duration::from_secs(3600),
        })
    };
    farm.enrol(&request, sign).await.expect("enrolled").node
}

pub fn blob_of(bytes: &[u8]) -> BlobRef {
    BlobRef {
        digest: Digest::of(bytes),
        bytes: bytes.len() as u64,
    }
}
