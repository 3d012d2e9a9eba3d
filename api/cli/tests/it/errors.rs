//! The exit codes and how errors are said.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use flatrender_api::http::Problem;
use insta::assert_snapshot;

use crate::farm::{Farm, Inside};
use crate::transcript::{alone, with, with_env};

#[tokio::test]
async fn without_the_token_or_with_a_wrong_one_exit_is_3() {
    let farm = Farm::start(Inside::default()).await;
    let none = with_env(&farm, &["job", "ls"], &[("FLATRENDER_TOKEN", "")]).await;
    assert_snapshot!(none.shown(), @"
    ! error: failed to list jobs: a token is needed
    ! hint: give the admin token with FLATRENDER_TOKEN or --token-file; the controller made it at its first start
    exit 3
    ");
    let wrong = with_env(&farm, &["node", "ls"], &[("FLATRENDER_TOKEN", "x")]).await;
    assert_snapshot!(wrong.shown(), @"
    ! error: failed to list nodes: the token is not valid
    ! hint: give the admin token with FLATRENDER_TOKEN or --token-file; the controller made it at its first start
    exit 3
    ");
    let json = with_env(
        &farm,
        &["job", "ls", "--json"],
        &[("FLATRENDER_TOKEN", "x")],
    )
    .await;
    assert_eq!(
        (json.exit, json.problem().code.as_str()),
        (3, "token_invalid")
    );
}

#[tokio::test]
async fn a_token_can_come_from_a_file() {
    let farm = Farm::start(Inside::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{}\n", crate::farm::TOKEN)).unwrap();
    let path = file.to_str().unwrap();
    let args = ["job", "ls", "--token-file", path];
    let good = with_env(&farm, &args, &[("FLATRENDER_TOKEN", "wrong")]).await;
    assert_eq!(good.exit, 0, "{}", good.shown());
    std::fs::write(&file, "two\nlines").unwrap();
    let bad = with(&farm, &args).await;
    assert_eq!(bad.exit, 2);
    assert!(
        bad.err.contains("it does not hold one line with a token"),
        "{}",
        bad.err
    );
}

#[tokio::test]
async fn a_farm_that_is_not_there_is_exit_6() {
    // A port that was ours a moment ago and that nobody listens on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let gone = alone(&["job", "ls", "--server", &server]).await;
    assert_eq!(gone.exit, 6);
    let said = gone.shown().replace(&server, "http://FARM");
    assert_snapshot!(said, @"
    ! error: failed to reach http://FARM: connection refused, 3 tries in 2 s
    ! hint: nothing was changed; --server or FLATRENDER_SERVER names another farm
    exit 6
    ");
    let json = alone(&["job", "ls", "--json", "--server", &server]).await;
    assert_eq!(
        (json.exit, json.problem().code.as_str()),
        (6, "not_reached")
    );
}

#[tokio::test]
async fn a_wrong_command_line_is_exit_2() {
    assert_snapshot!(alone(&["job", "frobnicate"]).await.shown(), @"
    ! error: unrecognized subcommand 'frobnicate'
    ! 
    ! Usage: flatctl job [OPTIONS] <COMMAND>
    ! 
    ! For more information, try '--help'.
    exit 2
    ");
    let json = alone(&["--json", "job", "show"]).await;
    assert_eq!((json.exit, json.problem().status), (2, 400));
    assert_snapshot!(alone(&["job", "ls", "--limit", "0"]).await.shown(), @"
    ! error: invalid value '0' for '--limit <LIMIT>': 0 is not in 1..=10000
    ! 
    ! For more information, try '--help'.
    exit 2
    ");
    assert_eq!(alone(&["--version"]).await.exit, 0);
}

#[tokio::test]
async fn a_token_is_not_sent_in_the_clear() {
    for server in [
        "http://farm.example:7480",
        "http://10.0.0.7:7480",
        "http://127.0.0.1.example",
    ] {
        let refused = alone(&["job", "ls", "--server", server, "--token", "x"]).await;
        assert_eq!(refused.exit, 2, "{server}");
        assert!(
            refused.err.contains("plain http would show the token"),
            "{}",
            refused.err
        );
    }
    for server in [
        "farm.example",
        "ftp://farm.example",
        "https://farm.example/path",
        "http://[::1",
    ] {
        assert_eq!(
            alone(&["job", "ls", "--server", server]).await.exit,
            2,
            "{server}"
        );
    }
    assert_snapshot!(alone(&["job", "ls", "--server", "http://farm.example"]).await.shown(), @"
    ! error: failed to use the farm http://farm.example: plain http would show the token to everybody on the way; use https, or --insecure-http on a network you trust
    exit 2
    ");
}

#[tokio::test]
async fn what_is_no_farm_is_said_to_be_none() {
    let other = axum::Router::new().fallback(async || "<html>a router's login page</html>");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move { axum::serve(listener, other).await.unwrap() });
    let odd = alone(&["job", "ls", "--server", &server]).await;
    task.abort();
    assert_eq!(odd.exit, 6);
    assert_snapshot!(odd.shown().replace(&server, "http://FARM"), @"
    ! error: failed to list jobs: http://FARM answered what is not understood: expected value at line 1 column 1
    ! hint: is there a farm at that address, and of this version?
    exit 6
    ");
}

#[tokio::test]
async fn a_farm_that_cannot_answer_is_asked_again_then_exit_6() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let busy = axum::Router::new().fallback(async move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Problem::unavailable(None, 5)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move { axum::serve(listener, busy).await.unwrap() });
    let refused = alone(&["job", "ls", "--server", &server]).await;
    assert_snapshot!(refused.shown(), @"
    ! error: failed to list jobs: try again in 5 s
    exit 6
    ");
    assert_eq!(asked.swap(0, Ordering::Relaxed), 3);
    let refused = alone(&["node", "token", "create", "--server", &server]).await;
    assert_eq!(
        (refused.exit, asked.load(Ordering::Relaxed)),
        (6, 1),
        "it may have happened"
    );
    task.abort();
}

#[tokio::test]
async fn completions_are_printed() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = alone(&["completions", shell]).await;
        assert_eq!(script.exit, 0);
        assert!(script.out.contains("flatctl"), "{shell}");
    }
}
