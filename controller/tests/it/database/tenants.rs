//! Nobody reads what is not theirs: each service only its schema, each tenant only its rows.

use flatrender_controller::database::Role;
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Row};

use crate::cluster::TestDb;

const SCHEMAS: &str = "('identity', 'content', 'studio', 'render', 'file_mgr', 'notification')";
const A: &str = "0190aaaa-0000-7000-8000-00000000000a";
const B: &str = "0190bbbb-0000-7000-8000-00000000000b";
const NOBODY: &str = "0190cccc-0000-7000-8000-00000000000c";

fn sql_state(error: &sqlx::Error) -> String {
    let error = error.as_database_error().expect("the server refused it");
    error.code().expect("with a code").into_owned()
}

#[tokio::test]
async fn each_service_role_is_refused_every_table_of_the_other_schemas_and_every_partition() {
    let db = TestDb::new().await;
    db.database().ensure_partitions(1).await.unwrap();
    let tables = format!(
        "SELECT n.nspname::text, c.relname::text, c.relispartition
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname IN {SCHEMAS}"
    );
    let tables: Vec<(String, String, bool)> = sqlx::query_as(AssertSqlSafe(tables))
        .fetch_all(&db.admin().await)
        .await
        .unwrap();
    assert!(tables.len() > 60, "{}", tables.len());
    for role in Role::SERVICES {
        let pool = db.pool(role).await;
        let mut refused = 0;
        for (schema, table, partition) in &tables {
            if Some(schema.as_str()) == role.schema() && !partition {
                continue;
            }
            let query = format!("SELECT 1 FROM {schema}.{table} LIMIT 1");
            let error = pool.execute(AssertSqlSafe(query)).await.expect_err(table);
            assert_eq!(
                sql_state(&error),
                "42501",
                "{} reads {schema}.{table}",
                role.name()
            );
            refused += 1;
        }
        assert!(refused > 30, "{}: {refused}", role.name());
    }
}

/// A table with tenants' rows, and the role of the requests to it.
struct Table {
    name: String,
    role: Role,
    may_select: bool,
    may_delete: bool,
}

async fn tenant_tables(admin: &PgPool) -> Vec<Table> {
    let mut tables = Vec::new();
    for role in [
        Role::Identity,
        Role::Content,
        Role::Studio,
        Role::Render,
        Role::FileMgr,
        Role::Notification,
    ] {
        let query = "
            SELECT format('%I.%I', n.nspname, c.relname), has_any_column_privilege($2, c.oid, 'SELECT'),
                   has_table_privilege($2, c.oid, 'DELETE')
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition";
        let query = sqlx::query(query).bind(role.schema()).bind(role.name());
        for row in query
            .fetch_all(admin)
            .await
            .expect("the catalogue is readable")
        {
            let (name, may_select, may_delete) = (row.get(0), row.get(1), row.get(2));
            tables.push(Table {
                name,
                role,
                may_select,
                may_delete,
            });
        }
    }
    tables
}

/// Puts `rows` rows (one where a key allows no more) of `tenant` into `table`, with nothing in them but what keys and policies ask for. What else a row
/// must satisfy is no matter here, so it is dropped from this test's own database first.
async fn fill(session: &mut PgConnection, table: &str, tenant: &str, rows: usize) {
    let loosen = format!(
        "DO $$ DECLARE item record; BEGIN
           FOR item IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'c' LOOP
             EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', item.conname);
           END LOOP;
           FOR item IN SELECT attname FROM pg_attribute a
                        WHERE attrelid = '{table}'::regclass AND attnum > 0 AND attnotnull AND NOT attisdropped
                          AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary
                                             AND a.attnum = ANY (i.indkey)) LOOP
             EXECUTE format('ALTER TABLE {table} ALTER %I DROP NOT NULL', item.attname);
           END LOOP;
         END $$"
    );
    session
        .execute(AssertSqlSafe(loosen))
        .await
        .unwrap_or_else(|error| panic!("{table}: {error}"));
    let columns = format!(
        "SELECT a.attname::text, format_type(a.atttypid, NULL)
           FROM pg_attribute a
          WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
            AND a.attidentity = '' AND a.attname <> 'tenant_id'
            AND (a.attname = 'user_id'
                 OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary
                               AND a.attnum = ANY (i.indkey)))"
    );
    let columns: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(columns))
        .fetch_all(&mut *session)
        .await
        .expect("the catalogue is readable");
    let names: String = columns
        .iter()
        .map(|(name, _)| format!(", {name}"))
        .collect();
    for row in 0..rows {
        let value = |(name, kind): &(String, String)| match (name.as_str(), kind.as_str()) {
            ("user_id", _) => format!(", '{tenant}'"), // each tenant's one user has the tenant's number
            (_, "uuid") => String::from(", gen_random_uuid()"),
            (_, "text") => format!(", md5(random()::text || {row})"),
            (_, "timestamp with time zone") => {
                format!(", timestamptz '2026-01-15 00:00Z' + interval '{row} hours'")
            }
            (_, "date") => format!(", date '2026-01-15' + {row}"),
            (_, "integer" | "bigint" | "smallint") => format!(", {row} + 1"),
            (name, kind) => panic!("{table}.{name} has type {kind}: say what to put there"),
        };
        let values: String = columns.iter().map(value).collect();
        let insert = format!("INSERT INTO {table} (tenant_id{names}) VALUES ('{tenant}'{values})");
        if let Err(error) = session.execute(AssertSqlSafe(insert)).await {
            let second_of_one = row > 0 && matches!(&*sql_state(&error), "23505" | "23P01");
            assert!(second_of_one, "{table}: {error}");
        }
    }
}

/// Runs a statement as a request of `tenant` would, without leaving a trace, and says how many rows it saw or changed.
async fn as_tenant(
    pool: &PgPool,
    tenant: Option<&str>,
    statement: String,
) -> Result<u64, sqlx::Error> {
    let mut tx = pool.begin().await?;
    if let Some(tenant) = tenant {
        let set =
            "SELECT set_config('app.tenant_id', $1, true), set_config('app.user_id', $1, true)";
        sqlx::query(set).bind(tenant).execute(&mut *tx).await?;
    }
    let rows = sqlx::query(AssertSqlSafe(statement))
        .execute(&mut *tx)
        .await?
        .rows_affected();
    tx.rollback().await?;
    Ok(rows)
}

#[tokio::test]
async fn a_tenant_sees_and_changes_only_its_rows_in_every_table() {
    let db = TestDb::new().await;
    let admin = db.admin().await;
    let tables = tenant_tables(&admin).await;
    assert!(tables.len() > 40, "{}", tables.len());
    let mut session = admin.acquire().await.unwrap();
    session
        .execute("SET session_replication_role = replica")
        .await
        .unwrap(); // no triggers, no foreign keys
    for table in &tables {
        fill(&mut session, &table.name, A, 1).await;
        fill(&mut session, &table.name, B, 2).await;
    }
    session
        .execute("RESET session_replication_role")
        .await
        .unwrap();
    let (mut seen, mut hidden) = (0, Vec::new());
    for table in tables.iter().filter(|table| table.may_select) {
        let pool = db.pool(table.role).await;
        for tenant in [Some(A), Some(B), Some(NOBODY), None] {
            let count = format!(
                "SELECT count(*) FROM {} WHERE tenant_id = $1::uuid",
                table.name
            );
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
                .bind(tenant)
                .fetch_one(&admin)
                .await
                .unwrap();
            let expected = u64::try_from(count).unwrap();
            assert_eq!(
                expected > 0,
                tenant == Some(A) || tenant == Some(B),
                "{}",
                table.name
            );
            let select = format!("SELECT FROM {}", table.name);
            let rows = as_tenant(&pool, tenant, select).await.unwrap();
            assert!(rows <= expected, "{} as {tenant:?}: {rows}", table.name);
            if rows < expected {
                hidden.push((table.name.as_str(), tenant));
            }
            if table.may_delete {
                let delete = format!("DELETE FROM {}", table.name);
                match as_tenant(&pool, tenant, delete).await {
                    Ok(rows) => assert!(rows <= expected, "{} as {tenant:?}: {rows}", table.name),
                    Err(error) => assert!(
                        error.as_database_error().is_some(),
                        "{}: {error}",
                        table.name
                    ),
                }
            }
        }
        pool.close().await;
        seen += 1;
    }
    assert!(seen > 35, "{seen}");
    // What hangs off a parent row that is not there stays hidden even from its own tenant.
    assert!(hidden.len() < 10, "{hidden:?}");
}

#[tokio::test]
async fn a_row_for_another_tenant_or_for_none_is_refused() {
    let db = TestDb::new().await;
    for (role, statement) in [
        (
            Role::Identity,
            "INSERT INTO identity.users (tenant_id, email) VALUES ($T, 'a@b.example')",
        ),
        (
            Role::FileMgr,
            "INSERT INTO file_mgr.folders (tenant_id, name) VALUES ($T, 'x')",
        ),
        (
            Role::Studio,
            "INSERT INTO studio.saved_projects (tenant_id, user_id, project_id, version_id, title)
             VALUES ($T, $T, $T, $T, 'x')",
        ),
    ] {
        let pool = db.pool(role).await;
        let insert = statement.replace("$T", &format!("'{B}'"));
        for tenant in [Some(A), None] {
            let error = as_tenant(&pool, tenant, insert.clone())
                .await
                .expect_err(statement);
            assert_eq!(sql_state(&error), "42501", "{statement} as {tenant:?}");
        }
    }
    let folders = db.pool(Role::FileMgr).await;
    let insert = format!("INSERT INTO file_mgr.folders (tenant_id, name) VALUES ('{B}', 'x')");
    assert_eq!(
        as_tenant(&folders, Some(B), insert).await.unwrap(),
        1,
        "its own is taken"
    );
}
