//! One session: the greeting, what is held, and then everything at once until the connection or one part of it ends. All
//! parts belong to the session and end with it; what they had in hand is begun again by the next one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use flatrender_protocol::link::{LinkError, PRIORITY_CONTROL, receive, send, to_datagram};
use flatrender_protocol::message::{
    Hello, Liveness, PROTOCOL, ToAgent, ToController, UploadHeader,
};
use flatrender_protocol::wire::WireError;
use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::mpsc;

use super::Spokesman;
use super::addresses::NoConnection;
use super::line::{Line, arrived};
use crate::host::Sampler;
use crate::work::Handle;
use crate::work::spool::Spool;

/// How long the controller may take to answer the greeting.
const GREETING: Duration = Duration::from_secs(10);
/// Leases told of in one message.
const PAGE: usize = 500;
/// What work may have to say that is not sent yet.
const OUT: usize = 256;
/// Time between samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(30);
/// Most entries of the cache that are told.
const MAX_ENTRIES: usize = 20_000;

/// Why there is no session (any more).
#[derive(Debug, thiserror::Error)]
pub enum SessionEnd {
    /// No controller could be reached.
    #[error("no session")]
    NoWay(#[source] NoConnection),
    /// The connection ended.
    #[error("the session has ended")]
    Connection(#[from] quinn::ConnectionError),
    /// The control stream ended.
    #[error("the control stream has ended")]
    Control(#[from] LinkError),
    /// The controller ended the control stream in order.
    #[error("the controller has ended the session")]
    Over,
    /// It does not answer.
    #[error("the controller has not answered the greeting in {} s", GREETING.as_secs())]
    Silent,
    /// It does not want this node.
    #[error("the controller refuses this node: {reason}")]
    Refused {
        /// In words.
        reason: String,
    },
    /// It began with something else.
    #[error("the controller answered the greeting with something else")]
    NoGreeting,
    /// A message that can't be said.
    #[error("a message cannot be written")]
    Unsayable(#[from] WireError),
    /// More had to be said than could be sent.
    #[error("the controller is too slow for this node's messages")]
    TooSlow,
    /// The agent ends.
    #[error("the agent ends")]
    Leaving,
}

/// Speaks with the controller until one of both ends it.
pub(super) async fn session(
    spokesman: &Spokesman,
    line: &Arc<Line>,
    connection: Connection,
    id: u64,
) -> SessionEnd {
    match greet(spokesman, &connection).await {
        Ok(greeted) => match speak(spokesman, line, &connection, id, greeted).await {
            Ok(never) => match never {},
            Err(end) => end,
        },
        Err(end) => end,
    }
}

struct Greeted {
    to: SendStream,
    from: RecvStream,
    liveness: Duration,
}

async fn greet(spokesman: &Spokesman, connection: &Connection) -> Result<Greeted, SessionEnd> {
    let (mut to, mut from) = connection.open_bi().await?;
    let _ = to.set_priority(PRIORITY_CONTROL);
    let busy = spokesman.work.busy().await.ok_or(SessionEnd::Leaving)?;
    let hello = ToController::Hello(Hello {
        lowest: *PROTOCOL.start(),
        highest: *PROTOCOL.end(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        node: spokesman.node,
        boot: spokesman.boot,
        held: busy.held,
        spooled: spokesman.spool.state().frames,
    });
    send(&mut to, &hello).await?;
    let answer = tokio::time::timeout(GREETING, receive::<ToAgent>(&mut from))
        .await
        .map_err(|_| SessionEnd::Silent)??;
    match answer {
        Some(ToAgent::Welcome {
            node_name,
            liveness_ms,
            protocol,
        }) => {
            tracing::info!(node = %spokesman.node, name = %node_name, controller = %connection.remote_address(), protocol, "connected");
            Ok(Greeted {
                to,
                from,
                liveness: Duration::from_millis(u64::from(liveness_ms.clamp(100, 60_000))),
            })
        }
        Some(ToAgent::Refused { reason }) => Err(SessionEnd::Refused { reason }),
        Some(_) => Err(SessionEnd::NoGreeting),
        None => Err(SessionEnd::Over),
    }
}

/// All parts of a session; the first that ends ends it.
async fn speak(
    spokesman: &Spokesman,
    line: &Arc<Line>,
    connection: &Connection,
    id: u64,
    greeted: Greeted,
) -> Result<Infallible, SessionEnd> {
    let Greeted {
        mut to,
        from,
        liveness,
    } = greeted;
    let (out, said) = mpsc::channel(OUT);
    send(
        &mut to,
        &ToController::Inventory(spokesman.inventory.clone()),
    )
    .await?;
    let resume = spokesman
        .work
        .session(out.clone())
        .await
        .ok_or(SessionEnd::Leaving)?;
    let pages = resume.held.len().div_ceil(PAGE).max(1);
    for page in 0..pages {
        let leases = resume
            .held
            .iter()
            .skip(page * PAGE)
            .take(PAGE)
            .cloned()
            .collect();
        let last = page + 1 == pages;
        send(&mut to, &ToController::Holding { leases, last }).await?;
    }
    for message in &resume.then {
        send(&mut to, message).await?;
    }
    line.pick_up(connection.clone());
    let more = out.clone();
    drop(out);
    // `more` is weak: when work lets go of its sender, the session ends instead of lagging behind.
    let more = more.downgrade();
    tokio::select! {
        end = write(to, said) => end,
        end = read(from, &spokesman.work) => end,
        end = live(spokesman, connection, liveness) => end,
        end = frames(connection, &spokesman.spool, id) => end,
        end = tell_of_machine(spokesman, more.clone()) => end,
        end = tell_of_cache(spokesman, more) => end,
        error = connection.closed() => Err(error.into()),
    }
}

async fn write(
    mut to: SendStream,
    mut said: mpsc::Receiver<ToController>,
) -> Result<Infallible, SessionEnd> {
    while let Some(message) = said.recv().await {
        send(&mut to, &message).await?;
    }
    Err(SessionEnd::TooSlow)
}

async fn read(mut from: RecvStream, work: &Handle) -> Result<Infallible, SessionEnd> {
    while let Some(message) = receive::<ToAgent>(&mut from).await? {
        work.said(message).await;
    }
    Err(SessionEnd::Over)
}

async fn live(
    spokesman: &Spokesman,
    connection: &Connection,
    every: Duration,
) -> Result<Infallible, SessionEnd> {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for counter in 0.. {
        ticks.tick().await;
        let liveness = Liveness {
            node: spokesman.node,
            boot: spokesman.boot,
            counter,
        };
        // One that is lost is made up for by the next.
        let _ = connection.send_datagram(to_datagram(&liveness)?.into());
    }
    Err(SessionEnd::Leaving)
}

async fn frames(connection: &Connection, spool: &Spool, id: u64) -> Result<Infallible, SessionEnd> {
    let one = || async {
        loop {
            let spooled = spool.take(id).await;
            let (lease, ordinal) = (spooled.header.lease, spooled.header.ordinal);
            if let Err(error) = frame(connection, spooled).await {
                if let Some(closed) = connection.close_reason() {
                    return Err(closed.into());
                }
                tracing::warn!(attempt = %lease.attempt, ordinal, %error, "frame not sent; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
                spool.give_back(id, lease, ordinal);
            }
        }
    };
    // Four at once: as many as keep a fast link busy while one of them waits for the disk.
    tokio::select! { end = one() => end, end = one() => end, end = one() => end, end = one() => end }
}

async fn frame(
    connection: &Connection,
    spooled: crate::work::spool::Spooled,
) -> anyhow::Result<()> {
    let header = UploadHeader::Frame(spooled.header.clone());
    let bytes = tokio::task::spawn_blocking(move || spooled.bytes()).await??;
    let mut stream = connection.open_uni().await?;
    send(&mut stream, &header).await?;
    stream.write_all(&bytes).await?;
    arrived(stream).await?;
    Ok(())
}

async fn tell_of_machine(
    spokesman: &Spokesman,
    out: mpsc::WeakSender<ToController>,
) -> Result<Infallible, SessionEnd> {
    let mut sampler = Sampler::new();
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    loop {
        ticks.tick().await;
        let busy = spokesman.work.busy().await.ok_or(SessionEnd::Leaving)?;
        let sample = sampler.sample(
            &spokesman.spool_dir,
            busy.slots,
            spokesman.spool.state().frames,
            &busy.renderers,
        );
        let out = out.upgrade().ok_or(SessionEnd::TooSlow)?;
        out.send(ToController::Sample(sample))
            .await
            .map_err(|_| SessionEnd::TooSlow)?;
    }
}

async fn tell_of_cache(
    spokesman: &Spokesman,
    out: mpsc::WeakSender<ToController>,
) -> Result<Infallible, SessionEnd> {
    let mut changed = spokesman.cache.changed();
    loop {
        changed.borrow_and_update();
        let mut entries = spokesman.cache.entries();
        entries.truncate(MAX_ENTRIES);
        {
            let out = out.upgrade().ok_or(SessionEnd::TooSlow)?;
            out.send(ToController::Cache { entries })
                .await
                .map_err(|_| SessionEnd::TooSlow)?;
        }
        if changed.changed().await.is_err() {
            return Err(SessionEnd::Leaving);
        }
    }
}
