//! `flatctl job …` and `flatctl download`.

use std::collections::BTreeSet;

use flatrender_protocol::JobId;
use flatrender_protocol::rest::{JobView, LeaseView};

use super::named::{self, Kind};
use crate::args::{Download, Job, JobFrame};
use crate::client::Client;
use crate::failure::{Doing, Exit, Failure};
use crate::output::{
    Align, Cell, Column, Paint, Screen, Table, bytes, count, duration, safe, short_id,
};
use crate::render::check;
use crate::view::state_paint;
use crate::{film, follow, picture};

const KIND: Kind = Kind {
    word: "job",
    list: "flatctl job ls",
};

/// Runs one of the commands.
///
/// # Errors
/// What was refused or not reached.
pub async fn run(command: &Job, client: &Client, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Job::Ls { matching, limit } => ls(matching.as_deref(), *limit, client, screen).await,
        Job::Show { job } => {
            let job = find(client, job, &format!("show {job}")).await?;
            if screen.json {
                screen.document(&job);
            } else {
                show(&job, screen);
            }
            Ok(Exit::Done)
        }
        Job::Watch { job, patience } => {
            let job = find(client, job, &format!("watch {job}")).await?;
            if screen.json {
                screen.document(&job);
            }
            let job = follow::to_its_end(client, job, screen, patience.patience).await?;
            follow::verdict(&job)
        }
        Job::Cancel { job } => cancel(job, client, screen).await,
        Job::Accept { job, frames } => {
            order("accept", job, frames.as_deref(), client, screen).await
        }
        Job::Repair { job, frames } => order("repair", job, Some(frames), client, screen).await,
        Job::Frame(args) => frame(args, client, screen).await,
    }
}

/// Fetches the picture of a frame; the newest one is asked for first, so that the picture is of what is told.
async fn frame(args: &JobFrame, client: &Client, screen: &Screen) -> Result<Exit, Failure> {
    let did = format!("show a frame of {}", args.job);
    check::writable(&args.out, &did)?;
    let job = find(client, &args.job, &did).await?;
    let newest = client.newest_frame(job.id).await.doing(&did)?;
    let display = args.frame.unwrap_or(newest.frame);
    let found = client.frame_picture(job.id, display, args.width).await;
    let length = picture::save(found.doing(&did)?, None, &args.out, &did).await?;
    if screen.json {
        screen.document(&newest);
        return Ok(Exit::Done);
    }
    screen.data(&format!(
        "{}  frame {display} of {}, {} of {} done, {}",
        safe(&args.out.display().to_string()),
        safe(&job.name),
        count(u64::from(newest.frames_done)),
        count(u64::from(job.frames_total)),
        bytes(length)
    ));
    Ok(Exit::Done)
}

/// Fetches the film of a job.
///
/// # Errors
/// When there is no such job, no film yet, or it can't be written.
pub async fn download(
    command: &Download,
    client: &Client,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let did = format!("fetch the film of {}", command.job);
    check::writable(&command.out, &did)?;
    let job = find(client, &command.job, &did).await?;
    let exit = film::fetch(client, &job, &command.out, screen).await?;
    if screen.json {
        screen.document(&job);
    }
    Ok(exit)
}

async fn find(client: &Client, text: &str, did: &str) -> Result<JobView, Failure> {
    if let Ok(id) = text.parse::<JobId>() {
        return client.job(id).await.doing(did);
    }
    let ask =
        |name: Option<String>, limit| async move { client.jobs(name.as_deref(), limit).await };
    named::one(&KIND, text, did, ask, |job: &JobView| (&job.name, job.id.0)).await
}

async fn ls(
    matching: Option<&str>,
    limit: u32,
    client: &Client,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let page = client.jobs(matching, limit).await.doing("list jobs")?;
    if screen.json {
        screen.document(&page);
        return Ok(Exit::Done);
    }
    let column = |title, align, rank| Column { title, align, rank };
    let mut table = Table::new(&[
        column("NAME", Align::Left, 0),
        column("STATE", Align::Left, 0),
        column("FRAMES", Align::Right, 1),
        column("FAILED", Align::Right, 4),
        column("NODES", Align::Right, 3),
        column("LEFT", Align::Right, 2),
        column("PRIORITY", Align::Right, 6),
        column("CREATED", Align::Left, 5),
        column("ID", Align::Left, 1),
    ]);
    for job in &page.data {
        let nodes: BTreeSet<_> = job.leases.iter().map(|lease| lease.node).collect();
        let left = job.eta_seconds.filter(|_| !job.state.is_final());
        table.push(vec![
            Cell::new(&job.name),
            Cell::painted(state_paint(job.state), job.state.as_str()),
            Cell::new(frames(job)),
            failed(job.frames_failed),
            Cell::new(nodes.len().to_string()),
            Cell::new(left.map_or("-".to_owned(), duration)),
            Cell::new(job.priority.to_string()),
            Cell::new(&job.created_at),
            Cell::new(short_id(job.id.0)),
        ]);
    }
    let more = if page.page.has_more {
        "; there are more, --limit shows them"
    } else {
        ""
    };
    screen.table(&table, &format!("{}{more}", plural(page.data.len(), "job")));
    Ok(Exit::Done)
}

fn failed(frames: u32) -> Cell {
    match frames {
        0 => Cell::new("0"),
        some => Cell::painted(Paint::Bad, count(u64::from(some))),
    }
}

fn frames(job: &JobView) -> String {
    format!(
        "{}/{}",
        count(u64::from(job.frames_done)),
        count(u64::from(job.frames_total))
    )
}

pub(super) fn plural(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        more => format!("{more} {word}s"),
    }
}

fn show(job: &JobView, screen: &Screen) {
    let state = screen.painted(state_paint(job.state), job.state.as_str());
    let reason = job
        .reason
        .as_ref()
        .map_or(String::new(), |why| format!(": {}", safe(why)));
    screen.data(&format!("{}  {state}{reason}", safe(&job.name)));
    let line = |name: &str, text: &str| screen.data(&format!("  {name:<10}{}", safe(text)));
    line("id", &job.id.to_string());
    line(
        "project",
        &format!("{}, composition {}", job.project, job.composition),
    );
    line(
        "picture",
        &format!(
            "{} × {}, {:.3} frames/s, pixel aspect {:.3}",
            job.width,
            job.height,
            job.rate.as_f64(),
            job.pixel_aspect.as_f64()
        ),
    );
    let failed = if job.frames_failed > 0 {
        format!(", {} failed", job.frames_failed)
    } else {
        String::new()
    };
    line(
        "frames",
        &format!("{} ({} done{failed})", job.frames, frames(job)),
    );
    line("priority", &job.priority.to_string());
    line("created", &job.created_at);
    if let Some(at) = &job.started_at {
        line("started", at);
    }
    if let Some(at) = &job.finished_at {
        line("finished", at);
    }
    if let (Some(left), false) = (job.eta_seconds, job.state.is_final()) {
        line("left", &format!("about {}", duration(left)));
    }
    for lease in &job.leases {
        line("at work", &format!("{}: {}", lease.node_name, work(lease)));
    }
    if let Some(film) = &job.film {
        let sound = if film.sound { "with sound" } else { "no sound" };
        line(
            "film",
            &format!(
                "{} × {}, {} frames, {sound}, {}",
                film.width, film.height, film.frames, film.digest
            ),
        );
    }
    for note in &job.notes {
        line("note", note);
    }
}

/// What a lease is about, without its node.
pub(super) fn work(lease: &LeaseView) -> String {
    let what = match (lease.first_frame, lease.last_frame) {
        (Some(first), Some(last)) => {
            format!(
                "frames {first} to {last}, {} of {} there",
                lease.frames_done, lease.frames_total
            )
        }
        _ if lease.kind == "assemble" => "makes the film".to_owned(),
        _ => lease.kind.clone(),
    };
    let copy = if lease.speculative {
        ", a second copy"
    } else {
        ""
    };
    format!("attempt {}, {what}{copy}", lease.number)
}

/// Frames are taken as they are, or rendered again.
async fn order(
    what: &str,
    text: &str,
    frames: Option<&str>,
    client: &Client,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let did = format!("{what} frames of {text}");
    let job = find(client, text, &did).await?;
    let job = client.order(job.id, what, frames).await.doing(&did)?;
    if screen.json {
        screen.document(&job);
    } else {
        let state = screen.painted(state_paint(job.state), job.state.as_str());
        screen.data(&format!("{}  {state}", safe(&job.name)));
    }
    Ok(Exit::Done)
}

async fn cancel(text: &str, client: &Client, screen: &Screen) -> Result<Exit, Failure> {
    let did = format!("cancel {text}");
    let job = find(client, text, &did).await?;
    let job = client
        .cancel(job.id)
        .await
        .doing(&did)
        .map_err(|failure| match failure.exit {
            Exit::Conflict => failure.hint(format!("flatctl job show {} says where it is", job.id)),
            _ => failure,
        })?;
    if screen.json {
        screen.document(&job);
    } else {
        let state = screen.painted(state_paint(job.state), job.state.as_str());
        screen.data(&format!("{}  {state}", safe(&job.name)));
    }
    Ok(Exit::Done)
}
