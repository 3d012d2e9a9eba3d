//! `flatctl node …`.

use flatrender_protocol::NodeId;
use flatrender_protocol::rest::NodeView;
use flatrender_protocol::state::{Health, Link, Policy};
use insta::assert_snapshot;
use uuid::Uuid;

use crate::farm::{Farm, Inside};
use crate::job::a_lease;
use crate::transcript::with;

fn a_node(number: u128, name: &str) -> NodeView {
    NodeView {
        id: NodeId(Uuid::from_u128(
            0x0193_a3f0_2222_7222_8333_4444_0000_0000 + number,
        )),
        name: name.to_owned(),
        hostname: "DESKTOP-7".to_owned(),
        os: "Windows 11".to_owned(),
        policy: Policy::Active,
        health: Health::Ok,
        link: Link::Online,
        seen_ms_ago: Some(400),
        agent_version: Some("0.1.0".to_owned()),
        renderers: vec!["After Effects 25.1.0".to_owned()],
        can_assemble: true,
        cores: Some(16),
        memory_mib: Some(65_536),
        slots: 1,
        leases: vec![a_lease(3, name, 200, 219)],
        cpu_percent: Some(97.4),
        disk_free_mib: Some(217_088),
        cache_bytes: 33_500_000_000,
        cache_entries: 18,
    }
}

fn nodes() -> Inside {
    let mut draining = a_node(2, "ws-gpu-0140");
    draining.policy = Policy::Draining;
    let mut lost = a_node(3, "ws-edit-0031");
    lost.link = Link::Lost;
    lost.seen_ms_ago = Some(3_900_000);
    lost.leases.clear();
    let mut bare = a_node(4, "new\u{1b}[2J");
    bare.leases.clear();
    bare.seen_ms_ago = None;
    (
        bare.cpu_percent,
        bare.disk_free_mib,
        bare.cores,
        bare.memory_mib,
    ) = (None, None, None, None);
    bare.agent_version = None;
    bare.renderers.clear();
    bare.can_assemble = false;
    bare.link = Link::Silent;
    Inside {
        nodes: vec![a_node(1, "ws-gpu-0112"), draining, lost, bare],
        ..Inside::default()
    }
}

#[tokio::test]
async fn nodes_are_listed() {
    let farm = Farm::start(nodes()).await;
    assert_snapshot!(with(&farm, &["node", "ls"]).await.shown(), @r#"
    NAME          STATUS    SLOTS  JOB         FRAMES   CPU  DISK FREE       SEEN  ID
    ws-gpu-0112   busy        1/1  nowruz-04  200-219  97 %  212.0 GiB        now  00000001
    ws-gpu-0140   draining    1/1  nowruz-04  200-219  97 %  212.0 GiB        now  00000002
    ws-edit-0031  lost        0/1  -                -  97 %  212.0 GiB  1 h 5 min  00000003
    new\u{1b}[2J  silent      0/1  -                -     -          -          -  00000004
    ! 4 nodes, 2 at work
    exit 0
    "#);
    let json = with(&farm, &["node", "ls", "--json", "--match", "ws-gpu-0140"])
        .await
        .json();
    assert_eq!(json["data"][0]["policy"], "draining");
    assert_eq!(json["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_node_is_shown() {
    let farm = Farm::start(nodes()).await;
    assert_snapshot!(with(&farm, &["node", "show", "ws-gpu-0112"]).await.shown(), @"
    ws-gpu-0112  busy
      id        0193a3f0-2222-7222-8333-444400000001
      state     policy active, health ok, link online, seen just now
      machine   DESKTOP-7, Windows 11, 16 cores, 64.0 GiB, agent 0.1.0
      renderer  After Effects 25.1.0; makes films
      load      1 of 1 slots, processor 97 %, 212.0 GiB of disk free
      at work   nowruz-04: attempt 3, frames 200 to 219, 12 of 20 there
      cache     31.1 GiB in 18 entries
    exit 0
    ");
    assert_snapshot!(with(&farm, &["node", "show", "00000004"]).await.shown(), @r#"
    new\u{1b}[2J  silent
      id        0193a3f0-2222-7222-8333-444400000004
      state     policy active, health ok, link silent, never seen by this controller
      machine   DESKTOP-7, Windows 11
      renderer  none; makes no films
      load      0 of 1 slots
      cache     31.1 GiB in 18 entries
    exit 0
    "#);
    assert_snapshot!(with(&farm, &["node", "show", "ws-gpu-01122"]).await.shown(), @r#"
    ! error: failed to show ws-gpu-01122: no node is called "ws-gpu-01122"
    ! hint: did you mean ws-gpu-0112? flatctl node ls lists them
    exit 4
    "#);
}

#[tokio::test]
async fn a_join_token_is_alone_on_stdout() {
    let farm = Farm::start(nodes()).await;
    assert_snapshot!(with(&farm, &["node", "token", "create"]).await.shown(), @"
    frj_for_3600_seconds
    ! works until 2026-11-22T15:35:02Z, for one node, and is shown only now
    exit 0
    ");
    let week = with(
        &farm,
        &["node", "token", "create", "--valid", "7d", "--json"],
    )
    .await
    .json();
    assert_eq!(week["token"], "frj_for_604800_seconds");
    assert_snapshot!(with(&farm, &["node", "token", "create", "--valid", "8d"]).await.shown(), @"
    ! error: failed to make a join token: /valid_seconds: 691200 s is not between 60 and 604800
    exit 8
    ");
    assert_snapshot!(with(&farm, &["node", "token", "create", "--valid", "soon"]).await.shown(), @r#"
    ! error: invalid value 'soon' for '--valid <TIME>': "soon" is not a time; write for example 90s, 30m, 1h or 7d
    ! 
    ! For more information, try '--help'.
    exit 2
    "#);
}
