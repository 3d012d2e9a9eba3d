-- 00_setup: roles, schemas, extensions, and the functions and procedures that every later migration uses.
-- Runs on PostgreSQL 15 or newer, as a superuser or as any role that owns the database and has CREATEROLE.
-- May be run again at any time: it changes nothing that is already right.
--
-- ======================================================================================================================
-- GRANT RECIPE
-- ======================================================================================================================
-- One database, one schema per service, one login role per service and one for the service's background workers.
--
--   service       schema         requests run as    workers run as           owner (no login)
--   ------------  -------------  -----------------  -----------------------  ---------------------
--   Identity      identity       fr_identity        fr_identity_worker       fr_owner_identity
--   Content       content        fr_content         fr_content_worker        fr_owner_content
--   Studio        studio         fr_studio          fr_studio_worker         fr_owner_studio
--   Render        render         fr_render          fr_render_worker         fr_owner_render
--   File          file_mgr       fr_filemgr         fr_filemgr_worker        fr_owner_file_mgr
--   Notification  notification   fr_notification    fr_notification_worker   fr_owner_notification
--   (all)         app            -                  fr_maint, fr_backup      fr_owner_app
--
-- This file creates the roles without passwords, so nobody can log in with one yet. Give each role its own:
--
--   ALTER ROLE fr_identity PASSWORD '...';            -- or, in psql: \password fr_identity
--   ... the same for the other eleven, fr_maint and fr_backup
--
-- What each may do:
--   fr_<service>         USAGE on its own schema and on app, nothing on the other five. On each table what that table's
--                        migration lists: SELECT, INSERT, UPDATE of named columns, DELETE only where a route deletes.
--                        Sees the rows of one tenant only (forced row-level security): the service sets
--                        app.tenant_id, app.user_id and app.roles for the transaction. Unset means no rows.
--   fr_<service>_worker  the same schema, rows of every tenant (policy plat_all), only the tables the workers need.
--   fr_maint             EXECUTE on app.ensure_months, app.ensure_all_months, app.expired_months, app.drop_month.
--                        Run `SELECT app.ensure_all_months(3)` daily, and app.drop_month for each row of app.expired_months().
--   fr_backup            reads everything, past row-level security (pg_dump). Where the provider refuses BYPASSRLS or
--                        pg_read_all_data this file says so in a NOTICE; then use the provider's own backup.
--   fr_owner_<schema>    owns the schema and all that is in it. Cannot log in. Only the migrating role may SET ROLE to it.
--
-- Rules for whoever adds a table (controller/src/database/catalogue.sql checks them):
--   1. The table belongs to fr_owner_<schema>: `SET LOCAL ROLE fr_owner_<schema>` right after BEGIN.
--   2. It has a class: CALL app.rls_r0 .. app.rls_r4. A table with tenant_id is never r0.
--   3. Grants are listed table by table. Never GRANT ... ON ALL TABLES, never ALTER DEFAULT PRIVILEGES, never TRUNCATE,
--      nothing on a partition (only on its parent), nothing to a role of another service.
--   4. role, tenant_id, balance and the like are in no UPDATE list.
--   5. A foreign key between two tenant tables contains tenant_id on both sides: foreign keys look past row-level security.
--   6. A view is WITH (security_invoker = true).
-- The end of this file shows a whole migration in fifteen lines.
-- ======================================================================================================================

BEGIN;

-- ---------------------------------------------------------------------------------------------------------- extensions
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
DO $$
DECLARE
    elsewhere text;
BEGIN
    SELECT format('%s is in schema %s', e.extname, e.extnamespace::regnamespace) INTO elsewhere
      FROM pg_extension e WHERE e.extname IN ('btree_gist', 'pg_trgm') AND e.extnamespace <> 'public'::regnamespace;
    IF FOUND THEN
        RAISE EXCEPTION 'extension %, it must be in public', elsewhere USING HINT = 'ALTER EXTENSION ... SET SCHEMA public, then run this file again';
    END IF;
END $$;

-- --------------------------------------------------------------------------------------------------------------- roles
-- Roles belong to the whole cluster. Two databases may be set up at the same time: the second waits at the first
-- CREATE ROLE until the first has committed, and then finds everything as it should be.
DO $$
DECLARE
    name text;
    safe boolean;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'fr_owner_app', 'fr_owner_identity', 'fr_owner_content', 'fr_owner_studio', 'fr_owner_render',
        'fr_owner_file_mgr', 'fr_owner_notification',
        'fr_identity', 'fr_content', 'fr_studio', 'fr_render', 'fr_filemgr', 'fr_notification',
        'fr_identity_worker', 'fr_content_worker', 'fr_studio_worker', 'fr_render_worker', 'fr_filemgr_worker',
        'fr_notification_worker', 'fr_maint', 'fr_backup']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                IF name LIKE 'fr\_owner\_%' OR name = 'fr_backup' THEN
                    EXECUTE format('CREATE ROLE %I %s', name, CASE name WHEN 'fr_backup' THEN 'LOGIN' ELSE 'NOLOGIN' END);
                ELSE
                    EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', name);
                END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database was set up meanwhile
            END;
        END IF;
        SELECT NOT (rolsuper OR rolcreaterole OR rolcreatedb OR (rolbypassrls AND name <> 'fr_backup'))
          INTO safe FROM pg_roles WHERE rolname = name;
        IF NOT safe THEN
            RAISE EXCEPTION 'role % can do more than the grant recipe allows', name
                USING HINT = format('ALTER ROLE %I NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS, then run this file again', name);
        END IF;
    END LOOP;
END $$;

-- The backup role's two extras are refused to non-superusers by some managed services.
DO $$
BEGIN
    IF NOT (SELECT rolbypassrls FROM pg_roles WHERE rolname = 'fr_backup') THEN
        ALTER ROLE fr_backup BYPASSRLS;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'fr_backup has no BYPASSRLS (%): pg_dump as fr_backup will not work, use the provider''s backup', SQLERRM;
END $$;
DO $$
BEGIN
    IF NOT pg_has_role('fr_backup', 'pg_read_all_data', 'MEMBER') THEN
        GRANT pg_read_all_data TO fr_backup;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'fr_backup is no member of pg_read_all_data (%)', SQLERRM;
END $$;

-- Memberships. The migrating role may become each owner; fr_owner_app is a member of the others because the partition
-- functions, which run as it, create tables that the others own.
DO $$
DECLARE
    owner text;
    can_set text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH owner IN ARRAY ARRAY['fr_owner_app', 'fr_owner_identity', 'fr_owner_content', 'fr_owner_studio',
        'fr_owner_render', 'fr_owner_file_mgr', 'fr_owner_notification']
    LOOP
        IF NOT pg_has_role(current_user, owner, can_set) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', owner);
        END IF;
        IF owner <> 'fr_owner_app' AND NOT pg_has_role('fr_owner_app', owner, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO fr_owner_app', owner);
        END IF;
    END LOOP;
END $$;

-- Settings that each login role starts with. public comes last and nobody may create in it: the extensions' operators
-- live there. A stopped leader must not hold its fence (render worker: one second idle in a transaction).
DO $$
DECLARE
    want record;
    have text[];
BEGIN
    FOR want IN
        SELECT r.name, s.setting, s.value
          FROM (VALUES
            ('fr_identity', 'identity', 'request'), ('fr_identity_worker', 'identity', 'worker'),
            ('fr_content', 'content', 'request'), ('fr_content_worker', 'content', 'worker'),
            ('fr_studio', 'studio', 'request'), ('fr_studio_worker', 'studio', 'worker'),
            ('fr_render', 'render', 'request'), ('fr_render_worker', 'render', 'leader'),
            ('fr_filemgr', 'file_mgr', 'request'), ('fr_filemgr_worker', 'file_mgr', 'worker'),
            ('fr_notification', 'notification', 'request'), ('fr_notification_worker', 'notification', 'worker'),
            ('fr_maint', NULL, 'maint'), ('fr_backup', NULL, 'backup')) AS r(name, home, kind)
          CROSS JOIN LATERAL (VALUES
            ('search_path', concat_ws(', ', r.home, 'app', 'public')),
            ('statement_timeout', CASE r.kind WHEN 'request' THEN '5s' WHEN 'leader' THEN '30s' WHEN 'worker' THEN '60s'
                                              WHEN 'maint' THEN '10min' ELSE '0' END),
            ('idle_in_transaction_session_timeout', CASE r.kind WHEN 'request' THEN '15s' WHEN 'leader' THEN '1s'
                                              WHEN 'worker' THEN '60s' WHEN 'maint' THEN '15s' ELSE '0' END),
            ('lock_timeout', CASE r.kind WHEN 'request' THEN '2s' WHEN 'maint' THEN '2s' WHEN 'backup' THEN '0' ELSE '5s' END)
          ) AS s(setting, value)
    LOOP
        SELECT rolconfig INTO have FROM pg_roles WHERE rolname = want.name;
        CONTINUE WHEN coalesce(have, '{}') @> ARRAY[want.setting || '=' || want.value];
        BEGIN
            IF want.setting = 'search_path' THEN
                EXECUTE format('ALTER ROLE %I SET search_path = %s', want.name, want.value);
            ELSE
                EXECUTE format('ALTER ROLE %I SET %I = %L', want.name, want.setting, want.value);
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'cannot set % for role % (%): set it as its administrator', want.setting, want.name, SQLERRM;
        END;
    END LOOP;
END $$;

-- ------------------------------------------------------------------------------------------- database, public, schemas
DO $$
DECLARE
    db text := current_database();
    name text;
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', db);
    FOREACH name IN ARRAY ARRAY['fr_identity', 'fr_content', 'fr_studio', 'fr_render', 'fr_filemgr', 'fr_notification',
        'fr_identity_worker', 'fr_content_worker', 'fr_studio_worker', 'fr_render_worker', 'fr_filemgr_worker',
        'fr_notification_worker', 'fr_maint', 'fr_backup']
    LOOP
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', db, name);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'cannot change who may connect to this database (%): do it as its owner', SQLERRM;
END $$;
DO $$
BEGIN
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'cannot revoke CREATE on schema public (%): do it as its owner', SQLERRM;
END $$;

CREATE SCHEMA IF NOT EXISTS app          AUTHORIZATION fr_owner_app;
CREATE SCHEMA IF NOT EXISTS identity     AUTHORIZATION fr_owner_identity;
CREATE SCHEMA IF NOT EXISTS content      AUTHORIZATION fr_owner_content;
CREATE SCHEMA IF NOT EXISTS studio       AUTHORIZATION fr_owner_studio;
CREATE SCHEMA IF NOT EXISTS render       AUTHORIZATION fr_owner_render;
CREATE SCHEMA IF NOT EXISTS file_mgr     AUTHORIZATION fr_owner_file_mgr;
CREATE SCHEMA IF NOT EXISTS notification AUTHORIZATION fr_owner_notification;

SET LOCAL ROLE fr_owner_identity;
GRANT USAGE ON SCHEMA identity TO fr_identity, fr_identity_worker;
SET LOCAL ROLE fr_owner_content;
GRANT USAGE ON SCHEMA content TO fr_content, fr_content_worker;
SET LOCAL ROLE fr_owner_studio;
GRANT USAGE ON SCHEMA studio TO fr_studio, fr_studio_worker;
SET LOCAL ROLE fr_owner_render;
GRANT USAGE ON SCHEMA render TO fr_render, fr_render_worker;
SET LOCAL ROLE fr_owner_file_mgr;
GRANT USAGE ON SCHEMA file_mgr TO fr_filemgr, fr_filemgr_worker;
SET LOCAL ROLE fr_owner_notification;
GRANT USAGE ON SCHEMA notification TO fr_notification, fr_notification_worker;

SET LOCAL ROLE fr_owner_app;
GRANT USAGE ON SCHEMA app TO
    fr_owner_identity, fr_owner_content, fr_owner_studio, fr_owner_render, fr_owner_file_mgr, fr_owner_notification,
    fr_identity, fr_content, fr_studio, fr_render, fr_filemgr, fr_notification,
    fr_identity_worker, fr_content_worker, fr_studio_worker, fr_render_worker, fr_filemgr_worker, fr_notification_worker,
    fr_maint;

-- ------------------------------------------------------------------------------------ who asks: values and identifiers
-- The plain SQL functions have bodies that are parsed here and now, so a caller's search_path cannot change their meaning,
-- and they stay inlinable.

-- A time-ordered UUID (RFC 9562, version 7). The programs make their own; this is the default for what they leave out.
CREATE OR REPLACE FUNCTION app.uuid7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN encode(
    set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
                PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6),
        52, 1), 53, 1),
    'hex')::uuid;

-- FlatRender's own tenant. Resellers see what it publishes (class r2).
CREATE OR REPLACE FUNCTION app.default_tenant() RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '00000000-0000-0000-0000-000000000001'::uuid;

-- The tenant of this transaction. nullif: after a transaction-local set the setting reads '' and not NULL.
CREATE OR REPLACE FUNCTION app.tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.tenant_id', true), '')::uuid;

-- The user of this transaction, NULL for an API key.
CREATE OR REPLACE FUNCTION app.actor() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.user_id', true), '')::uuid;

-- Whether app.roles, a list such as 'Admin,Editor', names the role; upper and lower case are the same.
CREATE OR REPLACE FUNCTION app.has_role(role_name text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(lower(role_name) = ANY (string_to_array(lower(replace(current_setting('app.roles', true), ' ', '')), ',')), false);

-- Text as Persian search sees it: Arabic yeh, kaf, teh marbuta and the alefs become their Persian or bare letters, both
-- digit sets become ASCII, the zero-width non-joiner a space; tatweel and vowel marks go.
CREATE OR REPLACE FUNCTION app.fa_norm(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN lower(translate(t,
    U&'\064A\0649\0643\0629\0623\0625\0622\0671\0624\200C\0660\0661\0662\0663\0664\0665\0666\0667\0668\0669\06F0\06F1\06F2\06F3\06F4\06F5\06F6\06F7\06F8\06F9\0640\064B\064C\064D\064E\064F\0650\0651\0652\200F\200E',
    U&'\06CC\06CC\06A9\0647\0627\0627\0627\0627\0648\0020' || '01234567890123456789'));

-- ------------------------------------------------------------------------------------------------------------ triggers
-- BEFORE UPDATE: sets updated_at, and with the argument 'version' raises row_version, which is the row's ETag.
CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    IF TG_NARGS > 0 THEN
        NEW.row_version := OLD.row_version + 1;
    END IF;
    RETURN NEW;
END $$;

-- Refuses UPDATE, DELETE and TRUNCATE (which fires no row trigger and knows no row-level security).
CREATE OR REPLACE FUNCTION app.no_mutation() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: rows are only ever added', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'P0403';
END $$;

-- The legal steps of the state machines kept here. BEFORE UPDATE trigger: app.check_transition('<machine>', '<column>').
CREATE TABLE IF NOT EXISTS app.transitions (
    machine    text NOT NULL,
    from_state text NOT NULL,
    to_state   text NOT NULL,
    PRIMARY KEY (machine, from_state, to_state),
    CHECK (from_state <> to_state)
);
GRANT SELECT ON app.transitions TO
    fr_identity, fr_content, fr_studio, fr_render, fr_filemgr, fr_notification,
    fr_identity_worker, fr_content_worker, fr_studio_worker, fr_render_worker, fr_filemgr_worker, fr_notification_worker;
GRANT SELECT, INSERT, DELETE ON app.transitions TO
    fr_owner_identity, fr_owner_content, fr_owner_studio, fr_owner_render, fr_owner_file_mgr, fr_owner_notification;

CREATE OR REPLACE FUNCTION app.check_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text := to_jsonb(OLD) ->> TG_ARGV[1];
    becomes text := to_jsonb(NEW) ->> TG_ARGV[1];
BEGIN
    IF becomes IS DISTINCT FROM was AND NOT EXISTS (
        SELECT FROM app.transitions WHERE machine = TG_ARGV[0] AND from_state = was AND to_state = becomes)
    THEN
        RAISE EXCEPTION '%.% cannot go from % to %', TG_TABLE_SCHEMA, TG_TABLE_NAME, was, becomes
            USING ERRCODE = 'P0409', COLUMN = TG_ARGV[1];
    END IF;
    RETURN NEW;
END $$;

-- For a table that is a tree (tenant_id, id, parent_id, path, depth): BEFORE INSERT OR UPDATE OF parent_id, argument the
-- greatest depth. Sets path (the ids from the root, '/a/b/') and depth, refuses cycles. Moves of one tenant's tree happen one after
-- the other, else two of them together could close a ring.
CREATE OR REPLACE FUNCTION app.tree_place() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    above record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(TG_RELID::text || NEW.tenant_id::text, 1));
    NEW.depth := 0;
    NEW.path := '/' || NEW.id || '/';
    IF NEW.parent_id IS NOT NULL THEN
        EXECUTE format('SELECT path, depth FROM %s WHERE tenant_id = $1 AND id = $2', TG_RELID::regclass)
            INTO above USING NEW.tenant_id, NEW.parent_id;
        IF above.path IS NULL THEN
            RAISE EXCEPTION 'parent % does not exist', NEW.parent_id USING ERRCODE = 'foreign_key_violation', COLUMN = 'parent_id';
        END IF;
        IF position('/' || NEW.id || '/' IN above.path) > 0 THEN
            RAISE EXCEPTION '% cannot be placed under itself', NEW.id USING ERRCODE = 'check_violation', COLUMN = 'parent_id';
        END IF;
        NEW.depth := above.depth + 1;
        NEW.path := above.path || NEW.id || '/';
    END IF;
    IF NEW.depth > TG_ARGV[0]::int THEN
        RAISE EXCEPTION 'depth % is more than the % allowed', NEW.depth, TG_ARGV[0] USING ERRCODE = 'check_violation', COLUMN = 'parent_id';
    END IF;
    RETURN NEW;
END $$;

-- AFTER UPDATE OF parent_id on the same table: places the children anew, which in turn places theirs.
CREATE OR REPLACE FUNCTION app.tree_follow() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('UPDATE %s SET parent_id = parent_id WHERE tenant_id = $1 AND parent_id = $2', TG_RELID::regclass)
        USING NEW.tenant_id, NEW.id;
    RETURN NULL;
END $$;

-- ------------------------------------------------------------------------------------------------- monthly partitions
-- The tables that get a partition each month, and how long a month is kept after its end.
CREATE TABLE IF NOT EXISTS app.partitioned_tables (
    parent regclass PRIMARY KEY,
    keep   interval NOT NULL CHECK (keep > interval '0')
);
GRANT SELECT, INSERT, UPDATE (keep) ON app.partitioned_tables TO
    fr_owner_identity, fr_owner_content, fr_owner_studio, fr_owner_render, fr_owner_file_mgr, fr_owner_notification;

-- The partitions of a table with their bounds.
CREATE OR REPLACE FUNCTION app.months_of(parent regclass)
RETURNS TABLE (child regclass, from_at timestamptz, until_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
    SELECT c.oid::regclass, m[1]::timestamptz, m[2]::timestamptz
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
     CROSS JOIN regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)') AS m
     WHERE i.inhparent = parent
$$;

-- Creates the partition of one month (UTC) unless one already covers it. Answers whether it did.
-- Built beside the parent and then attached: ATTACH lets readers and writers go on, CREATE ... PARTITION OF does not.
-- A partition has row-level security, no policy and no grant: it can be read through its parent only.
CREATE OR REPLACE FUNCTION app.ensure_month(parent regclass, month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    starts timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    ends   timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    home   text;
    child  text;
    owner  text;
BEGIN
    IF NOT EXISTS (SELECT FROM app.partitioned_tables p WHERE p.parent = ensure_month.parent) THEN
        RAISE EXCEPTION 'table % is not in app.partitioned_tables', parent
            USING HINT = 'a migration registers it with CALL app.partition_monthly(table, keep)';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('app.ensure_month', 0));
    IF EXISTS (SELECT FROM app.months_of(parent) m WHERE m.from_at < ends AND m.until_at > starts) THEN
        RETURN false;
    END IF;
    SELECT n.nspname, c.relname || to_char(starts, '_YYYY_MM'), pg_get_userbyid(c.relowner)
      INTO home, child, owner
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = parent;
    EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING ALL EXCLUDING IDENTITY)', home, child, parent);
    EXECUTE format('ALTER TABLE %I.%I OWNER TO %I', home, child, owner);
    EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', home, child);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)', parent, home, child, starts, ends);
    RETURN true;
END $$;

-- The partitions of the current month and of `ahead` months after it. Answers how many it created.
CREATE OR REPLACE FUNCTION app.ensure_months(parent regclass, ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    made int := 0;
BEGIN
    IF ahead IS NULL OR ahead NOT BETWEEN 0 AND 60 THEN
        RAISE EXCEPTION 'months ahead must be 0 to 60, not %', ahead USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR n IN 0 .. ahead LOOP
        IF app.ensure_month(parent, (date_trunc('month', now()) + make_interval(months => n))::date) THEN
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;

-- The same for every registered table.
CREATE OR REPLACE FUNCTION app.ensure_all_months(ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made int := 0;
    registered regclass;
BEGIN
    FOR registered IN
        SELECT p.parent FROM app.partitioned_tables p JOIN pg_class c ON c.oid = p.parent ORDER BY p.parent::text
    LOOP
        made := made + app.ensure_months(registered, ahead);
    END LOOP;
    RETURN made;
END $$;

-- The partitions that ended longer ago than their table keeps them.
CREATE OR REPLACE FUNCTION app.expired_months(as_of timestamptz DEFAULT now())
RETURNS TABLE (parent text, child text, until_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.parent::text, m.child::text, m.until_at
      FROM app.partitioned_tables p
      JOIN pg_class c ON c.oid = p.parent
     CROSS JOIN LATERAL app.months_of(p.parent) m
     WHERE m.until_at + p.keep <= as_of
     ORDER BY m.until_at, 2
$$;

-- Drops one expired partition, by the name that app.expired_months gave. Waits two seconds for the lock at most: call again
-- later. False: there is no such expired partition (any more).
CREATE OR REPLACE FUNCTION app.drop_month(expired text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('app.ensure_month', 0));
    IF NOT EXISTS (SELECT FROM app.expired_months() e WHERE e.child = expired) THEN
        RETURN false;
    END IF;
    EXECUTE 'DROP TABLE ' || expired::regclass;
    RETURN true;
END $$;

-- For migrations: registers a table that is PARTITION BY RANGE (a timestamptz) and creates its first partition.
CREATE OR REPLACE PROCEDURE app.partition_monthly(parent regclass, keep interval, first_month date DEFAULT '2026-01-01')
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO app.partitioned_tables AS p (parent, keep) VALUES (partition_monthly.parent, partition_monthly.keep)
        ON CONFLICT ON CONSTRAINT partitioned_tables_pkey DO UPDATE SET keep = excluded.keep;
    PERFORM app.ensure_month(parent, first_month);
END $$;

-- ----------------------------------------------------------------------------- classes of tables: row-level security
-- The name of a service's role: 'file_mgr' and 'filemgr' both give fr_filemgr.
CREATE OR REPLACE FUNCTION app.service_role(service text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN 'fr_' || replace(service, '_', '');

-- BEFORE UPDATE trigger app.touch on a table that has updated_at, with the version if it has row_version.
CREATE OR REPLACE PROCEDURE app.add_touch(t regclass)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    has_time boolean; has_version boolean; has_generated boolean;
BEGIN
    SELECT coalesce(bool_or(attname = 'updated_at'), false), coalesce(bool_or(attname = 'row_version'), false),
           coalesce(bool_or(attgenerated <> ''), false)
      INTO has_time, has_version, has_generated
      FROM pg_attribute WHERE attrelid = t AND attnum > 0 AND NOT attisdropped;
    IF has_time THEN
        -- A whole row cannot be compared in WHEN once it has a generated column.
        EXECUTE format('CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON %s FOR EACH ROW %s EXECUTE FUNCTION app.touch(%s)',
            t, CASE WHEN has_generated THEN '' ELSE 'WHEN (OLD.* IS DISTINCT FROM NEW.*)' END,
            CASE WHEN has_version THEN quote_literal('version') END);
    END IF;
END $$;

-- Replaces a table's policies. `reads` and `writes` are SQL conditions on a row of the table.
CREATE OR REPLACE PROCEDURE app.set_policies(t regclass, service text, reads text, writes text, append_only boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    requests text := quote_ident(app.service_role(service));
    workers  text := quote_ident(app.service_role(service) || '_worker');
    old name;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
    FOR old IN SELECT polname FROM pg_policy WHERE polrelid = t AND polname IN ('ten_sel', 'ten_ins', 'ten_upd', 'ten_del', 'plat_all') LOOP
        EXECUTE format('DROP POLICY %I ON %s', old, t);
    END LOOP;
    EXECUTE format('CREATE POLICY ten_sel ON %s FOR SELECT TO %s USING (%s)', t, requests, reads);
    EXECUTE format('CREATE POLICY ten_ins ON %s FOR INSERT TO %s WITH CHECK (%s)', t, requests, writes);
    IF NOT append_only THEN
        EXECUTE format('CREATE POLICY ten_upd ON %s FOR UPDATE TO %s USING (%s) WITH CHECK (%s)', t, requests, writes, writes);
        EXECUTE format('CREATE POLICY ten_del ON %s FOR DELETE TO %s USING (%s)', t, requests, writes);
    END IF;
    EXECUTE format('CREATE POLICY plat_all ON %s TO %s USING (true) WITH CHECK (true)', t, workers);
END $$;

-- r0: no tenant, no row-level security, and no grant to a tenant-facing role beyond SELECT on harmless registries.
CREATE OR REPLACE PROCEDURE app.rls_r0(t regclass, service text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = t AND attname = 'tenant_id' AND NOT attisdropped) THEN
        RAISE EXCEPTION 'table % has tenant_id, so it cannot be class r0', t;
    END IF;
    CALL app.add_touch(t);
END $$;

-- r1: rows of the transaction's tenant.
CREATE OR REPLACE PROCEDURE app.rls_r1(t regclass, service text, tenant_column text DEFAULT 'tenant_id')
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine text := format('%I = (SELECT app.tenant())', tenant_column);
BEGIN
    CALL app.set_policies(t, service, mine, mine, false);
    CALL app.add_touch(t);
END $$;

-- r2: r1, and every tenant also reads those rows of the default tenant for which `shared` holds. Writes are r1.
-- `shared` is a condition on the row: 'visibility = ''public''', or, for a child table,
-- 'EXISTS (SELECT FROM content.projects p WHERE p.tenant_id = translations.tenant_id AND p.id = project_id)',
-- where the parent's own policy decides.
CREATE OR REPLACE PROCEDURE app.rls_r2(t regclass, service text, shared text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine text := 'tenant_id = (SELECT app.tenant())';
BEGIN
    CALL app.set_policies(t, service,
        format('%s OR (tenant_id = app.default_tenant() AND (SELECT app.tenant()) IS NOT NULL AND (%s))', mine, shared),
        mine, false);
    CALL app.add_touch(t);
END $$;

-- r2 for a child table: what the default tenant shares of the parent, it shares of the child.
CREATE OR REPLACE PROCEDURE app.rls_r2_of(t regclass, service text, parent regclass, parent_column text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child text := (SELECT quote_ident(relname) FROM pg_class WHERE oid = t);
BEGIN
    CALL app.rls_r2(t, service, format('EXISTS (SELECT FROM %1$s AS parent WHERE parent.tenant_id = %2$s.tenant_id AND parent.id = %2$s.%3$I)',
        parent, child, parent_column));
END $$;

-- r3: r1, and only the row's own user or a tenant's Admin.
CREATE OR REPLACE PROCEDURE app.rls_r3(t regclass, service text, user_column text DEFAULT 'user_id')
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own text := format('tenant_id = (SELECT app.tenant()) AND (%I = (SELECT app.actor()) OR (SELECT app.has_role(''admin'')))', user_column);
BEGIN
    CALL app.set_policies(t, service, own, own, false);
    CALL app.add_touch(t);
END $$;

-- r3 for a child table without a user of its own: who may see the parent may see the child.
CREATE OR REPLACE PROCEDURE app.rls_r3_of(t regclass, service text, parent regclass, parent_column text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child text := (SELECT quote_ident(relname) FROM pg_class WHERE oid = t);
    own   text := format('tenant_id = (SELECT app.tenant()) AND EXISTS (SELECT FROM %1$s AS parent WHERE parent.tenant_id = %2$s.tenant_id AND parent.id = %2$s.%3$I)',
        parent, child, parent_column);
BEGIN
    CALL app.set_policies(t, service, own, own, false);
    CALL app.add_touch(t);
END $$;

-- r4: r1 for reading and adding; nothing is ever changed or removed (old partitions are dropped whole).
CREATE OR REPLACE PROCEDURE app.rls_r4(t regclass, service text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine text := 'tenant_id = (SELECT app.tenant())';
BEGIN
    CALL app.set_policies(t, service, mine, mine, true);
    EXECUTE format('CREATE OR REPLACE TRIGGER no_mutation_row BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION app.no_mutation()', t);
    EXECUTE format('CREATE OR REPLACE TRIGGER no_mutation_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION app.no_mutation()', t);
END $$;

-- ------------------------------------------------------------------------------------ tables that every service has
-- Creates, in a service's schema, outbox_events, inbox_events and idempotency_keys (or those asked for), with class and grants.
CREATE OR REPLACE PROCEDURE app.outbox_stamp(home name, service text,
    wanted text[] DEFAULT '{outbox_events,inbox_events,idempotency_keys}')
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    requests text := app.service_role(service);
    workers  text := app.service_role(service) || '_worker';
BEGIN
    IF 'outbox_events' = ANY (wanted) THEN
        -- What happened here and others must hear of, written in the transaction in which it happened.
        EXECUTE format($sql$
            CREATE TABLE %1$I.outbox_events (
                id           uuid PRIMARY KEY DEFAULT app.uuid7(),
                tenant_id    uuid,
                topic        text NOT NULL CHECK (topic ~ '^[a-z][a-z0-9_.]{0,127}$'),
                key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
                payload      jsonb NOT NULL CHECK (octet_length(payload::text) < 65536),
                occurred_at  timestamptz NOT NULL DEFAULT now(),
                published_at timestamptz,
                attempts     int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
                next_at      timestamptz NOT NULL DEFAULT now()
            )$sql$, home);
        EXECUTE format('CREATE INDEX outbox_events_due ON %I.outbox_events (next_at, id) WHERE published_at IS NULL', home);
        EXECUTE format('CREATE INDEX outbox_events_published ON %I.outbox_events (published_at) WHERE published_at IS NOT NULL', home);
        EXECUTE format('CREATE INDEX outbox_events_tenant ON %I.outbox_events (tenant_id, id)', home);
        CALL app.rls_r1(format('%I.outbox_events', home)::regclass, service);
        EXECUTE format('GRANT INSERT ON %I.outbox_events TO %I', home, requests);
        EXECUTE format('GRANT SELECT, INSERT, DELETE, UPDATE (published_at, attempts, next_at) ON %I.outbox_events TO %I', home, workers);
    END IF;
    IF 'inbox_events' = ANY (wanted) THEN
        -- Events of others that a consumer has dealt with: a second delivery changes nothing.
        EXECUTE format($sql$
            CREATE TABLE %1$I.inbox_events (
                consumer text NOT NULL CHECK (length(consumer) BETWEEN 1 AND 127),
                event_id uuid NOT NULL,
                seen_at  timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY (consumer, event_id)
            )$sql$, home);
        EXECUTE format('CREATE INDEX inbox_events_seen ON %I.inbox_events (seen_at)', home);
        CALL app.rls_r0(format('%I.inbox_events', home)::regclass, service);
        EXECUTE format('GRANT SELECT, INSERT, DELETE ON %I.inbox_events TO %I', home, workers);
    END IF;
    IF 'idempotency_keys' = ANY (wanted) THEN
        -- Answers to requests that carried an Idempotency-Key.
        EXECUTE format($sql$
            CREATE TABLE %1$I.idempotency_keys (
                tenant_id    uuid NOT NULL,
                principal    text NOT NULL CHECK (length(principal) BETWEEN 1 AND 255),
                key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
                method       text NOT NULL CHECK (method IN ('POST', 'PUT', 'PATCH', 'DELETE')),
                route        text NOT NULL CHECK (length(route) BETWEEN 1 AND 255),
                fingerprint  bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
                state        text NOT NULL DEFAULT 'in_progress' CHECK (state IN ('in_progress', 'done')),
                status       int CHECK (status BETWEEN 200 AND 599),
                resp_headers jsonb,
                resp_body    bytea CHECK (octet_length(resp_body) <= 2097152),
                locked_until timestamptz NOT NULL,
                created_at   timestamptz NOT NULL DEFAULT now(),
                expires_at   timestamptz NOT NULL DEFAULT now() + interval '24 hours',
                PRIMARY KEY (tenant_id, principal, key),
                CHECK ((state = 'done') = (status IS NOT NULL))
            )$sql$, home);
        EXECUTE format('CREATE INDEX idempotency_keys_expires ON %I.idempotency_keys (expires_at)', home);
        CALL app.rls_r1(format('%I.idempotency_keys', home)::regclass, service);
        EXECUTE format('GRANT SELECT, INSERT, DELETE, UPDATE (state, status, resp_headers, resp_body, locked_until) ON %I.idempotency_keys TO %I', home, requests);
        EXECUTE format('GRANT SELECT, DELETE ON %I.idempotency_keys TO %I', home, workers);
    END IF;
END $$;

-- ------------------------------------------------------------------------------------------------------ who may call what
REVOKE ALL ON ALL ROUTINES IN SCHEMA app FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.uuid7(), app.default_tenant(), app.tenant(), app.actor(), app.has_role(text), app.fa_norm(text) TO
    fr_owner_identity, fr_owner_content, fr_owner_studio, fr_owner_render, fr_owner_file_mgr, fr_owner_notification,
    fr_identity, fr_content, fr_studio, fr_render, fr_filemgr, fr_notification,
    fr_identity_worker, fr_content_worker, fr_studio_worker, fr_render_worker, fr_filemgr_worker, fr_notification_worker;
GRANT EXECUTE ON FUNCTION
    app.touch(), app.no_mutation(), app.check_transition(), app.tree_place(), app.tree_follow(), app.service_role(text), app.ensure_month(regclass, date), app.months_of(regclass) TO
    fr_owner_identity, fr_owner_content, fr_owner_studio, fr_owner_render, fr_owner_file_mgr, fr_owner_notification;
GRANT EXECUTE ON PROCEDURE
    app.partition_monthly(regclass, interval, date), app.add_touch(regclass),
    app.set_policies(regclass, text, text, text, boolean), app.rls_r0(regclass, text), app.rls_r1(regclass, text, text),
    app.rls_r2(regclass, text, text), app.rls_r2_of(regclass, text, regclass, text), app.rls_r3(regclass, text, text),
    app.rls_r3_of(regclass, text, regclass, text), app.rls_r4(regclass, text),
    app.outbox_stamp(name, text, text[]) TO
    fr_owner_identity, fr_owner_content, fr_owner_studio, fr_owner_render, fr_owner_file_mgr, fr_owner_notification;
GRANT EXECUTE ON FUNCTION
    app.ensure_months(regclass, int), app.ensure_all_months(int), app.expired_months(timestamptz), app.drop_month(text) TO fr_maint;

COMMIT;

-- A migration, whole (schema render, role fr_render and its worker):
--   BEGIN;
--   SET LOCAL ROLE fr_owner_render;                                  -- so that the tables are the owner's
--   CALL app.outbox_stamp('render', 'render', '{outbox_events}');    -- and/or inbox_events, idempotency_keys
--   CREATE TABLE render.exports (id uuid PRIMARY KEY DEFAULT app.uuid7(), tenant_id uuid NOT NULL, ...,
--       updated_at timestamptz NOT NULL DEFAULT now(), row_version bigint NOT NULL DEFAULT 1, UNIQUE (tenant_id, id));
--   CREATE TABLE render.node_health_logs (at timestamptz NOT NULL, id uuid NOT NULL, ..., PRIMARY KEY (at, id))
--       PARTITION BY RANGE (at);
--   INSERT ...;                                                      -- seeds before the class: it binds the owner too
--   CALL app.rls_r1('render.exports', 'render');                     -- class; the touch trigger comes with it
--   CALL app.rls_r0('render.node_health_logs', 'render');            -- r2 takes a condition, r3 a user column
--   CALL app.partition_monthly('render.node_health_logs', '14 days');  -- registered, with the partition 2026-01
--   GRANT SELECT, INSERT, UPDATE (state) ON render.exports TO fr_render;  -- table by table, column by column
--   GRANT SELECT, INSERT ON render.exports, render.node_health_logs TO fr_render_worker;
--   COMMIT;
