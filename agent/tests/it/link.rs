//! The whole agent over real QUIC against a controller that is only the other end of the link.

use std::os::unix::fs::PermissionsExt;

use flatrender_agent::config::Config;
use flatrender_agent::link::{EnrolError, Identity, enrol};
use flatrender_protocol::Digest;
use flatrender_protocol::message::{Ending, LeaseKey, Report, ToAgent, ToController};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::controller::Controller;
use crate::farm::{LIMIT, Stage};
use crate::stores::until;

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

struct Agent {
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Agent {
    fn start(config: &Config) -> Self {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(flatrender_agent::run(config.clone(), shutdown.clone()));
        Self { shutdown, task }
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

async fn enrolled(stage: &Stage, controller: &Controller) {
    let identity = stage.config.folder("identity");
    enrol(&controller.token(), "a node", &identity, false)
        .await
        .unwrap();
    controller
        .state
        .blobs
        .lock()
        .unwrap()
        .insert(Digest::of(&stage.project), stage.project.clone());
}

async fn report(controller: &mut Controller, key: LeaseKey) -> Report {
    let report = controller
        .hear("the report", |message| match message {
            ToController::Report(report) if report.lease == key => Some(report.clone()),
            _ => None,
        })
        .await;
    controller.say(ToAgent::ReportAck(key)).await;
    report
}

async fn held(controller: &mut Controller) -> usize {
    controller
        .hear("what is held", |message| match message {
            ToController::Holding { leases, last: true } => Some(leases.len()),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_enrols_once_with_a_key_of_its_own() {
    let controller = Controller::start();
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("identity");
    let enrolled = enrol(&controller.token(), "node-7", &identity, false)
        .await
        .unwrap();
    assert_eq!(enrolled.name, "node-7");
    let loaded = Identity::load(&identity).unwrap();
    assert_eq!(loaded.node.to_string(), enrolled.node);
    assert_eq!(loaded.controllers, [controller.address.to_string()]);
    let mode = std::fs::metadata(identity.join("key.der"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = enrol(&controller.token(), "x", &identity, false)
        .await
        .unwrap_err();
    assert!(
        matches!(&again, EnrolError::Already { name } if name == "node-7"),
        "{again}"
    );
    let used = enrol(
        &controller.token(),
        "x",
        &folder.path().join("other"),
        false,
    )
    .await
    .unwrap_err();
    assert_eq!(
        used.to_string(),
        "enrol: the controller refuses: the join token was used already; make another with: flatctl node token create"
    );
    assert!(
        !folder.path().join("other").exists(),
        "nothing is left behind"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_of_another_farm_is_not_trusted() {
    let controller = Controller::start();
    let folder = tempfile::tempdir().unwrap();
    let mut token = controller.token();
    token.authority[0] ^= 1;
    let error = enrol(&token, "x", folder.path(), false).await.unwrap_err();
    let text = chain(&error);
    assert!(
        text.contains("the controller's CA is not the one that the join token names"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_not_enrolled_says_how_to_be() {
    let stage = Stage::new("{}");
    let error = flatrender_agent::run(stage.config.clone(), CancellationToken::new())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("this machine is not enrolled; enrol it with: flatrender-agent enrol TOKEN"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_agent_a_data_folder() {
    let stage = Stage::new("{}");
    let mut controller = Controller::start();
    enrolled(&stage, &controller).await;
    let agent = Agent::start(&stage.config);
    held(&mut controller).await;
    let error = flatrender_agent::run(stage.config.clone(), CancellationToken::new())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("another agent uses the data folder"),
        "{error}"
    );
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_comes_frames_and_report_go() {
    let stage = Stage::new(r#"{"frame_ms": 5}"#);
    let mut controller = Controller::start();
    enrolled(&stage, &controller).await;
    let agent = Agent::start(&stage.config);
    let inventory = controller
        .hear("the inventory", |message| match message {
            ToController::Inventory(inventory) => Some(inventory.clone()),
            _ => None,
        })
        .await;
    assert_eq!(
        (inventory.slots, inventory.renderers),
        (1, vec!["25.2x26".to_owned()])
    );
    assert_eq!(held(&mut controller).await, 0);
    let lease = stage.lease(0, 12);
    let key = lease.key;
    controller.say(ToAgent::Lease(Box::new(lease))).await;
    let report = report(&mut controller, key).await;
    assert_eq!(report.ending, Ending::Succeeded, "{report:?}");
    let mut ordinals: Vec<u32> = controller
        .state
        .frames
        .lock()
        .unwrap()
        .iter()
        .map(|frame| frame.ordinal)
        .collect();
    ordinals.sort_unstable();
    assert_eq!(ordinals, (0..12).collect::<Vec<u32>>());
    until("the log", LIMIT, || {
        !controller.state.logs.lock().unwrap().is_empty()
    })
    .await;
    assert!(controller.state.logs.lock().unwrap()[0].contains("Finished composition"));
    until("liveness", LIMIT, || {
        *controller.state.alive.lock().unwrap() >= 3
    })
    .await;
    until("the attempt to be forgotten", LIMIT, || {
        stage.attempts() == 0
    })
    .await;
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_connection_it_comes_back_and_sends_what_was_not_settled() {
    let stage = Stage::new(r#"{"frame_ms": 60}"#);
    let mut controller = Controller::start();
    enrolled(&stage, &controller).await;
    let agent = Agent::start(&stage.config);
    assert_eq!(held(&mut controller).await, 0);
    let lease = stage.lease(0, 30);
    let key = lease.key;
    *controller.state.mute.lock().unwrap() = 3;
    controller.say(ToAgent::Lease(Box::new(lease))).await;
    until("frames", LIMIT, || {
        controller.state.frames.lock().unwrap().len() >= 6
    })
    .await;
    let (connection, _) = controller.state.session.lock().unwrap().clone().unwrap();
    connection.close(0u32.into(), b"a test");
    assert_eq!(held(&mut controller).await, 1);
    let report = report(&mut controller, key).await;
    assert_eq!(report.ending, Ending::Succeeded, "{report:?}");
    let mut ordinals: Vec<u32> = controller
        .state
        .frames
        .lock()
        .unwrap()
        .iter()
        .map(|frame| frame.ordinal)
        .collect();
    assert!(ordinals.len() >= 33, "three are sent again: {ordinals:?}");
    ordinals.sort_unstable();
    ordinals.dedup();
    assert_eq!(ordinals, (0..30).collect::<Vec<u32>>());
    assert_eq!(
        stage.rendered(),
        (0..30).collect::<Vec<i64>>(),
        "none is rendered again"
    );
    agent.end().await;
}
