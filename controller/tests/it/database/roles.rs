//! Who may connect as whom.

use std::collections::BTreeMap;

use flatrender_controller::database::{Database, DatabaseError, Role, Source};

use crate::cluster::TestDb;

#[tokio::test]
async fn a_service_pool_is_that_role() {
    let db = TestDb::new().await;
    for role in Role::SERVICES {
        let pool = db.pool(role).await;
        let user: String = sqlx::query_scalar("SELECT current_user::text")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(user, role.name());
    }
}

#[tokio::test]
async fn a_pool_of_a_superuser_an_owner_or_another_role_is_refused() {
    let db = TestDb::new().await;
    let admin = db.admin().await;
    for statement in [
        "CREATE ROLE test_owner LOGIN",
        "CREATE ROLE test_bypass LOGIN BYPASSRLS",
        "CREATE ROLE test_member LOGIN NOINHERIT",
        "GRANT fr_owner_app TO test_member",
        "CREATE TABLE public.of_owner (n int)",
        "ALTER TABLE public.of_owner OWNER TO test_owner",
    ] {
        sqlx::raw_sql(statement).execute(&admin).await.unwrap();
    }
    for user in ["test_owner", "test_bypass", "test_member"] {
        let grant = format!("GRANT CONNECT ON DATABASE {} TO {user}", db.name());
        sqlx::raw_sql(sqlx::AssertSqlSafe(grant))
            .execute(&admin)
            .await
            .unwrap();
    }
    for (user, reason) in [
        ("flatrender", "is a superuser"),
        ("test_owner", "owns tables"),
        ("test_bypass", "passes row-level security"),
        ("test_member", "owns tables or may become their owner"),
        ("fr_content", "is another role"),
    ] {
        let url = db.role_url(Role::Render).replace("fr_render", user);
        let urls = BTreeMap::from([("fr_render".to_owned(), url)]);
        let opened = Database::open(&Source::Url(db.url()), &urls).await.unwrap();
        let error = opened.pool(Role::Render, 1).await.expect_err(user);
        assert!(
            matches!(error, DatabaseError::UnfitRole { .. }),
            "{user}: {error}"
        );
        let text = error.to_string();
        assert!(
            text.contains(user) && text.contains(reason) && text.contains("fr_render"),
            "{text}"
        );
    }
    for statement in [
        "DROP TABLE public.of_owner",
        "DROP OWNED BY test_owner, test_bypass, test_member",
    ] {
        sqlx::raw_sql(statement).execute(&admin).await.unwrap();
    }
    sqlx::raw_sql("DROP ROLE test_owner, test_bypass, test_member")
        .execute(&admin)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_role_without_an_address_is_refused_with_the_setting_named() {
    let db = TestDb::new().await;
    let opened = Database::open(&Source::Url(db.url()), &BTreeMap::new())
        .await
        .unwrap();
    let text = opened
        .pool(Role::Render, 1)
        .await
        .expect_err("it has no address")
        .to_string();
    assert!(
        text.contains("`fr_render = ") && text.contains("[database.role_urls]"),
        "{text}"
    );
}
