//! The months ahead: made once, by the maintainer alone, and then written to.

use flatrender_controller::database::{Role, partitions};

use sqlx::{AssertSqlSafe, Executor};

use super::migrations::set_up_by_psql;
use crate::cluster::TestDb;

const LOG: &str = "
    INSERT INTO identity.tenant_api_request_logs (at, id, tenant_id, method, route, status, latency_us)
    VALUES (now(), app.uuid7(), app.tenant(), 'GET', '/v1/renders', 200, 1)";

async fn write_log(db: &TestDb) -> Result<(), sqlx::Error> {
    let pool = db.pool(Role::Identity).await;
    let mut tx = pool.begin().await?;
    let tenant = "SELECT set_config('app.tenant_id', '00000000-0000-0000-0000-000000000001', true)";
    sqlx::query(tenant).execute(&mut *tx).await?;
    sqlx::query(LOG).execute(&mut *tx).await?;
    tx.commit().await
}

async fn write_health(db: &TestDb) -> Result<(), sqlx::Error> {
    let statement = "
        INSERT INTO render.node_health_logs (at, node_id, cpu_percent, memory_used_mib, disk_free_mib, slots_busy,
                                             renderers, renderers_memory_mib, spooled)
        VALUES (now(), app.uuid7(), 1, 1, 1, 0, 0, 0, 0)";
    sqlx::query(statement)
        .execute(&db.pool(Role::RenderWorker).await)
        .await
        .map(drop)
}

#[tokio::test]
async fn todays_rows_fit_after_psql_and_ensure() {
    let db = TestDb::empty().await;
    set_up_by_psql(&db);
    for refused in [write_log(&db).await, write_health(&db).await] {
        let code = refused
            .expect_err("there is no partition")
            .into_database_error()
            .unwrap();
        assert_eq!(code.code().as_deref(), Some("23514"), "{code}");
    }
    let created = db.database().ensure_partitions(3).await.unwrap();
    let of = |table: &str| {
        created
            .iter()
            .filter(|name| name.starts_with(table))
            .count()
    };
    assert_eq!(
        (
            of("identity.tenant_api_request_logs_20"),
            of("render.node_health_logs_20")
        ),
        (4, 4),
        "{created:?}"
    );
    write_log(&db).await.unwrap();
    write_health(&db).await.unwrap();
    assert_eq!(
        db.database().ensure_partitions(3).await.unwrap(),
        Vec::<String>::new(),
        "a second time"
    );
}

#[tokio::test]
async fn four_maintainers_at_once_make_each_month_once() {
    let db = TestDb::new().await;
    // So that those who wait are sent away, and have to come back.
    let impatient = format!(
        "ALTER ROLE fr_maint IN DATABASE {} SET lock_timeout = '5ms'",
        db.name()
    );
    db.admin()
        .await
        .execute(AssertSqlSafe(impatient))
        .await
        .unwrap();
    let ensure = || db.database().ensure_partitions(12);
    let (a, b, c, d) = tokio::join!(ensure(), ensure(), ensure(), ensure());
    let partitions = "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r'";
    let count: i64 = sqlx::query_scalar(partitions)
        .fetch_one(&db.admin().await)
        .await
        .unwrap();
    let mut made: Vec<String> = [a, b, c, d].into_iter().flat_map(Result::unwrap).collect();
    let all = made.len();
    made.sort();
    made.dedup();
    assert_eq!(
        made.len(),
        usize::try_from(count).unwrap() - 2,
        "all but 2026-01 of both tables"
    );
    assert_eq!(made.len(), all, "none is claimed twice");
}

#[tokio::test]
async fn only_the_maintainer_makes_months_and_only_so_many() {
    let db = TestDb::new().await;
    let error = partitions::ensure(&db.pool(Role::Maint).await, 61)
        .await
        .expect_err("too many");
    assert!(
        format!("{:?}", error).contains("months ahead must be 0 to 60"),
        "{error:?}"
    );
    partitions::ensure(&db.pool(Role::Render).await, 1)
        .await
        .expect_err("it is not the maintainer");
}
