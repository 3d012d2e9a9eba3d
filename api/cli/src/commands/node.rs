//! `flatctl node …`.

use std::time::Duration;

use flatrender_protocol::NodeId;
use flatrender_protocol::rest::{NodeView, TokenSpec};

use super::job::{plural, work};
use super::named::{self, Kind};
use crate::args::{Node, Token};
use crate::client::Client;
use crate::failure::{Doing, Exit, Failure};
use crate::output::{
    Align, Cell, Column, Screen, Table, ago, bytes, count, link_word, safe, short_id,
};
use crate::view::node_status;

const KIND: Kind = Kind {
    word: "node",
    list: "flatctl node ls",
};
const MIB: u64 = 1 << 20;

/// Runs one of the commands.
///
/// # Errors
/// What was refused or not reached.
pub async fn run(command: &Node, client: &Client, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Node::Ls { matching, limit } => ls(matching.as_deref(), *limit, client, screen).await,
        Node::Show { node } => {
            let node = find(client, node).await?;
            if screen.json {
                screen.document(&node);
            } else {
                show(&node, screen);
            }
            Ok(Exit::Done)
        }
        Node::Token(Token::Create { valid }) => create_token(*valid, client, screen).await,
    }
}

async fn find(client: &Client, text: &str) -> Result<NodeView, Failure> {
    let did = format!("show {text}");
    if let Ok(id) = text.parse::<NodeId>() {
        return client.node(id).await.doing(did);
    }
    let ask =
        |name: Option<String>, limit| async move { client.nodes(name.as_deref(), limit).await };
    named::one(&KIND, text, &did, ask, |node: &NodeView| {
        (&node.name, node.id.0)
    })
    .await
}

async fn ls(
    matching: Option<&str>,
    limit: u32,
    client: &Client,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let page = client.nodes(matching, limit).await.doing("list nodes")?;
    if screen.json {
        screen.document(&page);
        return Ok(Exit::Done);
    }
    let column = |title, align, rank| Column { title, align, rank };
    let mut table = Table::new(&[
        column("NAME", Align::Left, 0),
        column("STATUS", Align::Left, 0),
        column("SLOTS", Align::Right, 3),
        column("JOB", Align::Left, 2),
        column("FRAMES", Align::Right, 4),
        column("CPU", Align::Right, 5),
        column("DISK FREE", Align::Right, 6),
        column("SEEN", Align::Right, 1),
        column("ID", Align::Left, 7),
    ]);
    for node in &page.data {
        table.push(row(node));
    }
    let busy = page
        .data
        .iter()
        .filter(|node| !node.leases.is_empty())
        .count();
    let more = if page.page.has_more {
        "; there are more, --limit shows them"
    } else {
        ""
    };
    screen.table(
        &table,
        &format!("{}, {busy} at work{more}", plural(page.data.len(), "node")),
    );
    Ok(Exit::Done)
}

fn row(node: &NodeView) -> Vec<Cell> {
    let (status, paint) = node_status(node);
    let lease = node.leases.first();
    let or_dash = |text: Option<String>| Cell::new(text.unwrap_or_else(|| "-".to_owned()));
    let range = lease.and_then(|lease| match (lease.first_frame?, lease.last_frame?) {
        (first, last) if first == last => Some(first.to_string()),
        (first, last) => Some(format!("{first}-{last}")),
    });
    vec![
        Cell::new(&node.name),
        Cell::painted(paint, status),
        Cell::new(format!("{}/{}", node.leases.len(), node.slots)),
        or_dash(lease.map(|lease| lease.job_name.clone())),
        or_dash(range),
        or_dash(node.cpu_percent.map(|percent| format!("{percent:.0} %"))),
        or_dash(node.disk_free_mib.map(|mib| bytes(mib.saturating_mul(MIB)))),
        or_dash(node.seen_ms_ago.map(ago)),
        Cell::new(short_id(node.id.0)),
    ]
}

fn show(node: &NodeView, screen: &Screen) {
    let (status, paint) = node_status(node);
    screen.data(&format!(
        "{}  {}",
        safe(&node.name),
        screen.painted(paint, status)
    ));
    let line = |name: &str, text: &str| screen.data(&format!("  {name:<10}{}", safe(text)));
    line("id", &node.id.to_string());
    let seen =
        node.seen_ms_ago.map_or(
            "never seen by this controller".to_owned(),
            |ms| match ago(ms).as_str() {
                "now" => "seen just now".to_owned(),
                time => format!("seen {time} ago"),
            },
        );
    line(
        "state",
        &format!(
            "policy {}, health {}, link {}, {seen}",
            node.policy,
            node.health,
            link_word(node.link)
        ),
    );
    let mut machine = vec![node.hostname.clone(), node.os.clone()];
    machine.extend(node.cores.map(|cores| plural(cores as usize, "core")));
    machine.extend(node.memory_mib.map(|mib| bytes(mib.saturating_mul(MIB))));
    machine.extend(
        node.agent_version
            .as_ref()
            .map(|version| format!("agent {version}")),
    );
    line("machine", &machine.join(", "));
    let films = if node.can_assemble {
        "makes films"
    } else {
        "makes no films"
    };
    let renderers = if node.renderers.is_empty() {
        "none".to_owned()
    } else {
        node.renderers.join(", ")
    };
    line("renderer", &format!("{renderers}; {films}"));
    let mut load = vec![format!("{} of {} slots", node.leases.len(), node.slots)];
    load.extend(
        node.cpu_percent
            .map(|percent| format!("processor {percent:.0} %")),
    );
    load.extend(
        node.disk_free_mib
            .map(|mib| format!("{} of disk free", bytes(mib.saturating_mul(MIB)))),
    );
    line("load", &load.join(", "));
    for lease in &node.leases {
        line("at work", &format!("{}: {}", lease.job_name, work(lease)));
    }
    line(
        "cache",
        &format!(
            "{} in {} entries",
            bytes(node.cache_bytes),
            count(u64::from(node.cache_entries))
        ),
    );
}

async fn create_token(valid: Duration, client: &Client, screen: &Screen) -> Result<Exit, Failure> {
    let spec = TokenSpec {
        valid_seconds: Some(valid.as_secs()),
    };
    let token = client
        .create_token(&spec)
        .await
        .doing("make a join token")?;
    if screen.json {
        screen.document(&token);
        return Ok(Exit::Done);
    }
    screen.data(&safe(&token.token));
    screen.say(&format!(
        "works until {}, for one node, and is shown only now",
        safe(&token.expires_at)
    ));
    Ok(Exit::Done)
}
