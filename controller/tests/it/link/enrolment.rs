//! Who becomes a node, and who does not.

use flatrender_protocol::link::{CLOSE_PROTOCOL, enrolment_client, fingerprint};
use flatrender_protocol::message::EnrolReply;
use quinn::ConnectionError;

use super::stage::{Stage, closed, request, soon};

/// The reason of a refusal.
fn refused(reply: EnrolReply) -> String {
    match reply {
        EnrolReply::Refused { reason } => reason,
        granted @ EnrolReply::Granted { .. } => panic!("{granted:?}"),
    }
}

async fn nodes(stage: &Stage) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM render.nodes")
        .fetch_one(&stage.admin)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_lets_one_machine_in_and_its_certificate_opens_a_session() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("studio-07").await;
    let (name, hostname): (String, String) =
        sqlx::query_as("SELECT name, hostname FROM render.nodes WHERE id = $1")
            .bind(agent.node.0)
            .fetch_one(&stage.admin)
            .await
            .unwrap();
    assert_eq!(
        (name.as_str(), hostname.as_str()),
        ("studio-07", "workstation")
    );
    let known: Vec<u8> =
        sqlx::query_scalar("SELECT fingerprint FROM render.node_certificates WHERE node_id = $1")
            .bind(agent.node.0)
            .fetch_one(&stage.admin)
            .await
            .unwrap();
    assert_eq!(known, fingerprint(&agent.identity.certificate));
    assert_eq!(agent.identity.authority, stage.authority.certificate());
    stage.join(&agent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_once() {
    let stage = Stage::new().await;
    let secret = stage.token().await;
    let first = stage.ask(&request(secret, "one")).await;
    assert!(matches!(first, EnrolReply::Granted { .. }), "{first:?}");
    let reason = refused(stage.ask(&request(secret, "two")).await);
    assert!(reason.contains("was used before"), "{reason}");
    assert_eq!(nodes(&stage).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_and_an_unknown_token_are_refused_in_words() {
    let stage = Stage::new().await;
    let secret = stage.token().await;
    sqlx::query(
        "UPDATE render.node_join_tokens
            SET created_at = now() - interval '2 hours', expires_at = now() - interval '1 second'",
    )
    .execute(&stage.admin)
    .await
    .unwrap();
    let reason = refused(stage.ask(&request(secret, "late")).await);
    assert!(reason.contains("has expired"), "{reason}");
    let reason = refused(stage.ask(&request([9; 32], "who")).await);
    assert!(reason.contains("did not make the join token"), "{reason}");
    assert_eq!(nodes(&stage).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_the_name_or_the_request_leaves_the_token_good() {
    let stage = Stage::new().await;
    stage.enrolled("Studio-07").await;
    let secret = stage.token().await;
    let reason = refused(stage.ask(&request(secret, "studio-07")).await);
    assert!(reason.contains("is taken"), "{reason}");
    let mut unsigned = request(secret, "studio-08");
    unsigned.signing_request = b"hello".to_vec();
    let reason = refused(stage.ask(&unsigned).await);
    assert!(reason.contains("signing request can't be used"), "{reason}");
    let mut endless = request(secret, "studio-08");
    endless.signing_request = vec![0; 100_000];
    let reason = refused(stage.ask(&endless).await);
    assert!(reason.contains("signing request is too long"), "{reason}");
    let reason = refused(stage.ask(&request(secret, &"n".repeat(5000))).await);
    assert!(reason.contains("name is too long"), "{reason}");
    assert_eq!(nodes(&stage).await, 1);
    let last = stage.ask(&request(secret, "studio-08")).await;
    assert!(matches!(last, EnrolReply::Granted { .. }), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_whose_authority_is_not_the_tokens_is_not_told_anything() {
    let stage = Stage::new().await;
    let config = enrolment_client([1; 32]).unwrap();
    let error = stage.try_connect(config).await.unwrap_err();
    assert!(
        matches!(&error, ConnectionError::TransportError(e) if e.reason.contains("not the one that the join token names")),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_instead_of_a_request_ends_the_connection() {
    let stage = Stage::new().await;
    let config = enrolment_client(stage.authority.fingerprint()).unwrap();
    let connection = stage.try_connect(config).await.unwrap();
    let (mut to, _from) = connection.open_bi().await.unwrap();
    soon("some bytes", to.write_all(&[0xff; 64])).await.unwrap();
    let (code, _) = closed(&connection).await;
    assert_eq!(code, CLOSE_PROTOCOL);
}
