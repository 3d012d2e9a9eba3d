//! Who gets no session, or loses it: no certificate, a foreign one, an unknown one, a revoked one, a retired node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flatrender_controller::link::Authority;
use flatrender_protocol::NodeId;
use flatrender_protocol::link::{
    ALPN, AgentIdentity, CLOSE_FORBIDDEN, KeyAndRequest, agent_client,
};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, ConnectionError};
use rustls::RootCertStore;
use rustls::crypto::ring;

use super::stage::{Agent, Joined, Stage, closed, soon};

/// 2 s are promised; a machine that runs many tests at once gets one more.
const REVOKED_WITHIN: Duration = Duration::from_secs(3);

/// A client that trusts the farm and shows nothing.
fn nameless(authority: &Authority) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().to_vec().into()).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut tls = builder
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

/// A certificate for `node` by `signer`, shown to the farm of `trusted`.
fn signed_by(signer: &Authority, node: NodeId, trusted: &Authority) -> ClientConfig {
    let made = KeyAndRequest::new().unwrap();
    let signed = signer.sign_node(node, &made.request).unwrap();
    let identity = AgentIdentity {
        authority: trusted.certificate().to_vec(),
        certificate: signed.certificate,
        key: made.key,
    };
    agent_client(&identity).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_certificate_means_no_session() {
    let mut stage = Stage::new().await;
    let connection = stage.try_connect(nameless(&stage.authority)).await.unwrap();
    let (code, reason) = closed(&connection).await;
    assert_eq!(code, CLOSE_FORBIDDEN);
    assert!(reason.contains("flatrender-agent enrol"), "{reason}");
    stage.assert_untold();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_certificate_fails_in_the_handshake() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("real").await;
    let folder = tempfile::tempdir().unwrap();
    let foreign = Authority::open(folder.path()).unwrap();
    let config = signed_by(&foreign, agent.node, &stage.authority);
    // TLS 1.3: the client may think it is in before the server has looked at its certificate.
    let error = match stage.try_connect(config).await {
        Err(error) => error,
        Ok(connection) => soon("a refusal", connection.closed()).await,
    };
    assert!(
        matches!(&error, ConnectionError::ConnectionClosed(close) if u64::from(close.error_code) >> 8 == 1),
        "a TLS alert: {error:?}"
    );
    stage.assert_untold();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_ours_that_the_farm_does_not_know_is_refused() {
    let mut stage = Stage::new().await;
    let config = signed_by(&stage.authority, NodeId::new(), &stage.authority);
    let connection = stage.try_connect(config).await.unwrap();
    let (code, reason) = closed(&connection).await;
    assert_eq!(code, CLOSE_FORBIDDEN);
    assert!(reason.contains("unknown, revoked or over"), "{reason}");
    stage.assert_untold();
}

async fn change(stage: &Stage, statement: &'static str, agent: &Agent) {
    let done = sqlx::query(statement)
        .bind(agent.node.0)
        .execute(&stage.admin)
        .await;
    assert_eq!(done.unwrap().rows_affected(), 1);
}

/// Does `statement` to one of two nodes with sessions: that one is closed in time and stays out, the other goes on.
async fn ends_in_time(statement: &'static str) {
    let mut stage = Stage::new().await;
    let (bad, good) = (stage.enrolled("bad").await, stage.enrolled("good").await);
    let mut stays: Joined = stage.join(&good).await;
    let session = stage.join(&bad).await;
    change(&stage, statement, &bad).await;
    let since = Instant::now();
    let (code, reason) = session.closed().await;
    assert!(since.elapsed() < REVOKED_WITHIN, "{:?}", since.elapsed());
    assert_eq!(code, CLOSE_FORBIDDEN);
    assert!(reason.contains("revoked"), "{reason}");
    stage.left(&session).await;
    let again = stage.connect(&bad).await;
    assert_eq!(closed(&again).await.0, CLOSE_FORBIDDEN);
    stays.say(&super::sessions::started()).await;
    stage.said(&stays).await;
    assert!(stays.connection.close_reason().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_ends_its_session_within_two_seconds() {
    ends_in_time("UPDATE render.node_certificates SET revoked_at = now() WHERE node_id = $1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_node_loses_its_session_within_two_seconds() {
    ends_in_time("UPDATE render.nodes SET policy = 'retired' WHERE id = $1").await;
}
