//! Sessions: hello, what is said both ways, liveness, and all the ways to end.

use std::time::Duration;

use flatrender_controller::farm::{FromAgent, Input};
use flatrender_protocol::link::{
    CLOSE_BYE, CLOSE_FORBIDDEN, CLOSE_PROTOCOL, CLOSE_REPLACED, receive, send, to_datagram,
};
use flatrender_protocol::message::{
    Ending, Held, Liveness, OutcomeClass, Report, ToAgent, ToController, Verdict,
};
use flatrender_protocol::{Digest, NodeId};
use uuid::Uuid;

use super::stage::{Agent, Joined, Stage, closed, lease, soon};

/// Something that an agent may say at any time.
pub fn started() -> ToController {
    ToController::Started(lease())
}

/// What an agent that says `hello` is told, and how its connection ends.
async fn refused(stage: &Stage, agent: &Agent, hello: ToController) -> (String, String) {
    let connection = stage.connect(agent).await;
    let (mut to, mut from) = connection.open_bi().await.unwrap();
    send(&mut to, &hello).await.unwrap();
    let reason = match soon("an answer to hello", receive(&mut from))
        .await
        .unwrap()
    {
        Some(ToAgent::Refused { reason }) => reason,
        other => panic!("{other:?}"),
    };
    // The agent goes on reading to the end of the stream, so that the controller knows that it was told.
    let end: Option<ToAgent> = soon("the end", receive(&mut from)).await.unwrap();
    assert_eq!(end, None);
    let (code, words) = closed(&connection).await;
    assert_eq!(code, CLOSE_FORBIDDEN);
    (reason, words)
}

#[tokio::test(flavor = "multi_thread")]
async fn hello_with_the_id_of_another_node_is_refused() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut hello = agent.hello();
    hello.node = NodeId::new();
    let (reason, words) = refused(&stage, &agent, ToController::Hello(hello)).await;
    assert!(reason.contains(&agent.node.to_string()), "{reason}");
    assert_eq!(reason, words);
    stage.assert_untold();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_a_common_version_is_told_what_to_update() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut hello = agent.hello();
    (hello.lowest, hello.highest) = (900, 901);
    let (reason, _) = refused(&stage, &agent, ToController::Hello(hello)).await;
    assert!(reason.contains("update the controller"), "{reason}");
    stage.assert_untold();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_first_message_than_hello_breaks_the_protocol() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let connection = stage.connect(&agent).await;
    let (mut to, _from) = connection.open_bi().await.unwrap();
    send(&mut to, &started()).await.unwrap();
    assert_eq!(closed(&connection).await.0, CLOSE_PROTOCOL);
    stage.assert_untold();
}

/// What breaks the protocol in the middle of a session ends it, and the leader hears that it ended.
async fn breaks(stage: &mut Stage, agent: &Agent, bytes: &[u8]) -> String {
    let mut session = stage.join(agent).await;
    session.to.write_all(bytes).await.unwrap();
    session.to.finish().unwrap();
    let (code, reason) = session.closed().await;
    assert_eq!(code, CLOSE_PROTOCOL, "{reason}");
    stage.left(&session).await;
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_control_stream_breaks_the_protocol() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let reason = breaks(&mut stage, &agent, &[0xff; 32]).await;
    assert!(reason.contains("4294967295 bytes"), "{reason}");
    let reason = breaks(&mut stage, &agent, &[0, 0, 0, 2, 77, 1]).await;
    assert!(reason.contains("version 77"), "{reason}");
    let reason = breaks(&mut stage, &agent, &[0, 0, 0, 3, 1, 250, 250]).await;
    assert!(reason.contains("no such message"), "{reason}");
    let reason = breaks(&mut stage, &agent, &[0, 0, 0, 30, 1, 0]).await;
    assert!(reason.contains("broke off"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_session_of_a_node_replaces_the_older() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let first = stage.join(&agent).await;
    let mut second = stage.join(&agent).await;
    assert!(second.session > first.session);
    assert_eq!(first.closed().await.0, CLOSE_REPLACED);
    second.say(&started()).await;
    // The end of the first may be told before or after what the second says.
    let said = loop {
        match stage.told().await {
            Input::Left { session, .. } => assert_eq!(session, first.session),
            Input::Said { session, what, .. } => break (session, what),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(said.0, second.session);
    assert!(matches!(said.1, FromAgent::Started(_)), "{:?}", said.1);
    assert!(second.connection.close_reason().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_the_leader_lets_go_of_it() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut session = stage.join(&agent).await;
    session.leader = None;
    assert_eq!(session.closed().await.0, CLOSE_REPLACED);
    stage.left(&session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_the_agent_ends_its_control_stream() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut session = stage.join(&agent).await;
    session.to.finish().unwrap();
    assert_eq!(session.closed().await.0, CLOSE_BYE);
    stage.left(&session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_says_goodbye_to_all() {
    let mut stage = Stage::new().await;
    let agents = [stage.enrolled("one").await, stage.enrolled("two").await];
    let mut sessions: Vec<Joined> = Vec::new();
    for agent in &agents {
        sessions.push(stage.join(agent).await);
    }
    stage.shutdown.cancel();
    for session in &sessions {
        let (code, reason) = session.closed().await;
        assert_eq!(code, CLOSE_BYE);
        assert!(reason.contains("shuts down"), "{reason}");
    }
    soon("the end of serving", &mut stage.serving)
        .await
        .unwrap();
    for _ in &sessions {
        let told = stage.told().await;
        assert!(matches!(told, Input::Left { .. }), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_leader_says_reaches_the_agent_in_order() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut session = stage.join(&agent).await;
    let leader = session.leader.clone().unwrap();
    let keys: Vec<_> = (0..50).map(|_| lease()).collect();
    for key in &keys {
        leader.send(ToAgent::ReportAck(*key)).await.unwrap();
    }
    for key in &keys {
        assert_eq!(session.hear().await, ToAgent::ReportAck(*key));
    }
    // More than fits into a message: it comes in parts.
    let verdicts: Vec<_> = (0..60_000).map(|_| (lease(), Verdict::Keep)).collect();
    leader
        .send(ToAgent::Verdicts(verdicts.clone()))
        .await
        .unwrap();
    let mut heard = Vec::new();
    while heard.len() < verdicts.len() {
        match session.hear().await {
            ToAgent::Verdicts(page) => heard.extend(page),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, verdicts);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_told_once_all_pages_are_there() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut session = stage.join(&agent).await;
    let held: Vec<Held> = (0..9)
        .map(|until| Held {
            lease: lease(),
            until,
            ended: until % 2 == 0,
        })
        .collect();
    for (number, page) in held.chunks(4).enumerate() {
        let leases = page.to_vec();
        let last = number == 2;
        session.say(&ToController::Holding { leases, last }).await;
    }
    match stage.said(&session).await {
        FromAgent::Holding(told) => assert_eq!(told, held),
        other => panic!("{other:?}"),
    }
    let leases = Vec::new();
    session
        .say(&ToController::Holding { leases, last: true })
        .await;
    assert_eq!(session.closed().await.0, CLOSE_PROTOCOL);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_says_is_made_storable() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut session = stage.join(&agent).await;
    let report = Report {
        lease: lease(),
        ending: Ending::Failed,
        class: OutcomeClass::Template,
        exit_code: Some(-9),
        message: "nul \0 and much more ".repeat(1000),
        log_tail: format!("{}\0the end", "x".repeat(100_000)),
        startup_ms: None,
        total_ms: 5,
        made: None,
    };
    session.say(&ToController::Report(report.clone())).await;
    match stage.said(&session).await {
        FromAgent::Report(told) => {
            assert_eq!(told.message.len(), 4096);
            assert_eq!(told.log_tail.len(), 16_384);
            assert!(told.log_tail.ends_with("xthe end"));
            assert!(!told.message.contains('\0'));
            assert_eq!((told.lease, told.exit_code), (report.lease, Some(-9)));
        }
        other => panic!("{other:?}"),
    }
    let entries = vec![(Digest::of(b"a"), 1), (Digest::of(b"a"), 2)];
    session.say(&ToController::Cache { entries }).await;
    match stage.said(&session).await {
        FromAgent::Cache(told) => assert_eq!(told, [(Digest::of(b"a"), 1)]),
        other => panic!("{other:?}"),
    }
}

/// Sends datagrams until `done`: they may be lost.
async fn keep_saying(session: &Joined, liveness: Liveness, done: impl Fn() -> bool) {
    let bytes = to_datagram(&liveness).unwrap();
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let saying = async {
        while !done() {
            again.tick().await;
            // A closed connection is what some tests wait for.
            let _ = session.connection.send_datagram(bytes.clone().into());
        }
    };
    soon("an effect of liveness", saying).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn liveness_counts_as_heard() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let session = stage.join(&agent).await;
    let clock = stage.farm.presence.known(agent.node).unwrap();
    let before = clock.at();
    let liveness = Liveness {
        node: agent.node,
        boot: agent.boot,
        counter: 1,
    };
    keep_saying(&session, liveness, || clock.at() > before).await;
    assert!(session.connection.close_reason().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn liveness_of_another_node_or_boot_breaks_the_protocol() {
    let mut stage = Stage::new().await;
    let (agent, other) = (stage.enrolled("one").await, stage.enrolled("two").await);
    let wrong = [(other.node, agent.boot), (agent.node, Uuid::new_v4())];
    for (node, boot) in wrong {
        let session = stage.join(&agent).await;
        let counter = 1;
        let liveness = Liveness {
            node,
            boot,
            counter,
        };
        let over = || session.connection.close_reason().is_some();
        keep_saying(&session, liveness, over).await;
        assert_eq!(session.closed().await.0, CLOSE_PROTOCOL);
        stage.left(&session).await;
    }
    assert!(stage.farm.presence.known(other.node).is_none());
}
