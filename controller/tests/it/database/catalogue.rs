//! What the migrations must hold true of the catalogue, and that the checks would notice if they did not.

use sqlx::{Column, PgPool, Row, TypeInfo};

use crate::cluster::TestDb;

const CHECKS: &str = include_str!("../../../src/database/catalogue.sql");

/// Name and query of each check.
fn checks() -> Vec<(&'static str, &'static str)> {
    let parts = CHECKS.split("-- check: ").skip(1);
    parts
        .map(|part| part.split_once('\n').expect("a name, then a query"))
        .collect()
}

/// Each offence as `check: offender`.
async fn offences(admin: &PgPool) -> Vec<String> {
    let mut found = Vec::new();
    for (name, query) in checks() {
        let rows = sqlx::query(query).fetch_all(admin).await;
        for row in rows.unwrap_or_else(|error| panic!("{name}: {error}")) {
            assert_eq!(row.column(0).type_info().name(), "TEXT", "{name}");
            found.push(format!("{name}: {}", row.get::<String, _>(0)));
        }
    }
    found
}

#[tokio::test]
async fn the_migrations_break_no_rule() {
    assert!(checks().len() >= 30, "the checks were found");
    let db = TestDb::new().await;
    assert_eq!(offences(&db.admin().await).await, Vec::<String>::new());
    db.database().ensure_partitions(3).await.unwrap();
    assert_eq!(
        offences(&db.admin().await).await,
        Vec::<String>::new(),
        "with new partitions"
    );
}

#[tokio::test]
async fn careless_tables_views_and_grants_are_noticed() {
    let db = TestDb::new().await;
    let admin = db.admin().await;
    let careless = "
        CREATE TABLE content.careless (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, at timestamp, price float8,
                                       tag_id uuid REFERENCES content.tags (id));
        CREATE VIEW content.open_view AS SELECT id FROM content.careless;
        GRANT SELECT ON content.careless TO fr_studio;
        GRANT TRUNCATE ON content.careless TO fr_content;
        CREATE FUNCTION content.open_door() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
        ALTER DEFAULT PRIVILEGES IN SCHEMA content GRANT SELECT ON TABLES TO fr_content;";
    sqlx::raw_sql(careless).execute(&admin).await.unwrap();
    let found = offences(&admin).await;
    for check in [
        "tenant_tables_without_forced_rls",
        "tenant_tables_without_tenant_index",
        "tenant_foreign_keys_without_tenant",
        "foreign_keys_without_index",
        "views_without_security_invoker",
        "security_definer_functions_without_search_path",
        "security_definer_functions_for_everybody",
        "timestamps_without_time_zone",
        "floats_in_money_or_time",
        "default_privileges",
        "truncate_grants",
        "objects_not_owned_by_their_schemas_owner",
        "service_roles_outside_their_schema",
    ] {
        assert!(
            found
                .iter()
                .any(|offence| offence.starts_with(&format!("{check}: "))),
            "{check} saw nothing: {found:#?}"
        );
    }
}

/// Every schema, table and column that the service's description promises by name.
const PROMISED: &[&str] = &[
    "identity.tenants",
    "identity.tenant_branding",
    "identity.tenant_api_keys",
    "identity.tenant_webhooks",
    "identity.tenant_usage_daily",
    "identity.tenant_api_request_logs",
    "identity.users.tenant_id",
    "identity.push_subscriptions",
    "identity.mfa_factors",
    "identity.plans",
    "identity.payments",
    "identity.earned_gifts.notification_id",
    "content.projects.tenant_id",
    "content.template_svg_previews",
    "content.categories",
    "content.tags",
    "content.fonts",
    "content.scenes",
    "content.characters",
    "content.presets",
    "content.blogs",
    "content.slides",
    "studio.saved_projects.tenant_id",
    "studio.saved_projects.voiceover_file_id",
    "studio.saved_projects.music_volume",
    "studio.saved_projects.sfx_volume",
    "studio.saved_projects.voiceover_volume",
    "render.nodes",
    "render.node_health_logs",
    "render.node_crashes",
    "render.node_template_cache",
    "render.packages",
    "render.prepared_projects.tenant_id",
    "render.render_jobs.tenant_id",
    "render.render_jobs.has_voiceover",
    "render.render_jobs.music_volume",
    "render.render_jobs.sfx_volume",
    "render.render_jobs.voiceover_volume",
    "render.job_todo.open",
    "render.job_todo.generation",
    "render.job_todo.done_count",
    "render.frame_jobs",
    "render.attempts",
    "render.frames",
    "render.frame_repair_jobs.tenant_id",
    "render.snapshots.cache_key",
    "render.exports.tenant_id",
    "render.drains",
    "render.limits",
    "render.pools",
    "render.leadership",
    "render.events.tenant_id",
    "render.outbox_events.tenant_id",
    "file_mgr.files.tenant_id",
    "file_mgr.folders",
    "file_mgr.quotas",
    "file_mgr.upload_sessions",
    "file_mgr.cleanup_schedules",
    "notification.notifications.tenant_id",
    "notification.notification_preferences",
];

#[tokio::test]
async fn everything_promised_by_name_is_there() {
    let db = TestDb::new().await;
    let admin = db.admin().await;
    let there: Vec<String> = sqlx::query_scalar(
        "SELECT format('%s.%s.%s', table_schema, table_name, column_name) FROM information_schema.columns
         UNION SELECT format('%s.%s', table_schema, table_name) FROM information_schema.tables",
    )
    .fetch_all(&admin)
    .await
    .unwrap();
    let missing: Vec<&&str> = PROMISED
        .iter()
        .filter(|name| !there.iter().any(|have| have == **name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    for partition in [
        "identity.tenant_api_request_logs_2026_01",
        "render.node_health_logs_2026_01",
    ] {
        assert!(there.iter().any(|have| have == partition), "{partition}");
    }
    let tenant: String = sqlx::query_scalar(
        "SELECT slug FROM identity.tenants WHERE id = '00000000-0000-0000-0000-000000000001'",
    )
    .fetch_one(&admin)
    .await
    .unwrap();
    assert_eq!(tenant, "flatrender");
}
