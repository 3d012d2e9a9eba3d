-- What every migration must keep true of the database's catalogue. One query a check; each begins with a line that names it and ends
-- with a semicolon; each answers with the offending things, so no rows is good. Run by the migrating role.

-- check: tenant_tables_without_forced_rls
SELECT c.oid::regclass::text AS offender
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND (c.oid = to_regclass('identity.tenants')
        OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped))
   AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
 ORDER BY 1;

-- check: tables_with_rls_and_without_policies
SELECT c.oid::regclass::text AS offender
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relrowsecurity
   AND NOT EXISTS (SELECT FROM pg_policy p JOIN pg_roles r ON r.oid = ANY (p.polroles)
                    WHERE p.polrelid = c.oid AND r.rolname LIKE 'fr\_%' AND r.rolname NOT LIKE 'fr\_owner\_%')
 ORDER BY 1;

-- check: grants_that_no_policy_serves
-- A role that may read or write a table under row-level security, and for which no policy speaks: it would see nothing, silently.
SELECT c.oid::regclass || ' for ' || r.rolname AS offender
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN pg_roles r
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relrowsecurity
   AND r.rolname LIKE 'fr\_%' AND r.rolcanlogin AND r.rolname <> 'fr_backup'
   AND (has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(r.oid, c.oid, 'DELETE'))
   AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND r.oid = ANY (p.polroles))
 ORDER BY 1;

-- check: policies_that_forget_the_tenant
-- A policy for a tenant-facing role, or for everybody, whose condition does not ask for the tenant; and one that asks row by row
-- instead of once (app.tenant() outside of a sub-select), which is six times slower.
SELECT c.oid::regclass || ' policy ' || p.polname AS offender
  FROM pg_policy p
  JOIN pg_class c ON c.oid = p.polrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (SELECT unnest(ARRAY[pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)])) AS e(condition)
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND (0 = ANY (p.polroles)
        OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = ANY (p.polroles) AND r.rolcanlogin AND r.rolname NOT LIKE '%\_worker'))
   AND e.condition IS NOT NULL
   AND (e.condition !~* 'select (app\.)?tenant\(\)' OR regexp_replace(e.condition, 'select (app\.)?tenant\(\)', '', 'gi') ~* '\mtenant\(\)')
 ORDER BY 1;

-- check: tenant_tables_without_tenant_index
SELECT c.oid::regclass::text AS offender
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum AND i.indpred IS NULL)
 ORDER BY 1;

-- check: tenant_foreign_keys_without_tenant
-- Foreign keys look past row-level security: between two tenant tables the key contains tenant_id on both sides. The one other form
-- allowed is a column named *_tenant_id that a CHECK binds to the row's own tenant or the default one.
SELECT c.conrelid::regclass || ' constraint ' || c.conname AS offender
  FROM pg_constraint c
  JOIN pg_class child ON child.oid = c.conrelid
  JOIN pg_namespace n ON n.oid = child.relnamespace
  JOIN pg_attribute parent_tenant ON parent_tenant.attrelid = c.confrelid AND parent_tenant.attname = 'tenant_id' AND NOT parent_tenant.attisdropped
 WHERE c.contype = 'f' AND c.conparentid = 0
   AND n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
   AND NOT EXISTS (
       SELECT FROM generate_subscripts(c.confkey, 1) AS k
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[k]
        WHERE c.confkey[k] = parent_tenant.attnum
          AND (a.attname = 'tenant_id'
               OR (a.attname LIKE '%\_tenant\_id'
                   AND EXISTS (SELECT FROM pg_constraint b
                                WHERE b.conrelid = c.conrelid AND b.contype = 'c' AND a.attnum = ANY (b.conkey)
                                  AND pg_get_constraintdef(b.oid) ~ 'default_tenant\(\)' AND pg_get_constraintdef(b.oid) ~ '\mtenant_id\M'))))
 ORDER BY 1;

-- check: foreign_keys_between_schemas
SELECT c.conrelid::regclass || ' constraint ' || c.conname AS offender
  FROM pg_constraint c
  JOIN pg_class child ON child.oid = c.conrelid
  JOIN pg_class parent ON parent.oid = c.confrelid
 WHERE c.contype = 'f' AND child.relnamespace <> parent.relnamespace
   AND c.conname <> 'earned_gifts_notification_fkey'
 ORDER BY 1;

-- check: the_one_foreign_key_between_schemas_is_missing
SELECT 'identity.earned_gifts (tenant_id, notification_id)' AS offender
 WHERE NOT EXISTS (SELECT FROM pg_constraint c
                    WHERE c.conrelid = to_regclass('identity.earned_gifts') AND c.confrelid = to_regclass('notification.notifications')
                      AND c.contype = 'f' AND pg_get_constraintdef(c.oid) LIKE
                          'FOREIGN KEY (tenant_id, notification_id) REFERENCES %(tenant_id, id) ON DELETE SET NULL (notification_id)');

-- check: foreign_keys_without_index
-- The key's columns lead an index, in any order. A partial index counts when it leaves out only rows whose key is NULL.
SELECT c.conrelid::regclass || ' constraint ' || c.conname AS offender
  FROM pg_constraint c
  JOIN pg_class child ON child.oid = c.conrelid
  JOIN pg_namespace n ON n.oid = child.relnamespace
 WHERE c.contype = 'f' AND c.conparentid = 0
   AND n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND NOT EXISTS (
       SELECT FROM pg_index i
        WHERE i.indrelid = c.conrelid AND i.indisvalid
          AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ '^\([a-z0-9_]+ IS NOT NULL\)$')
          AND ARRAY(SELECT k FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(k, at) WHERE at <= cardinality(c.conkey) ORDER BY k)
              = ARRAY(SELECT k FROM unnest(c.conkey) AS k ORDER BY k))
 ORDER BY 1;

-- check: views_without_security_invoker
SELECT c.oid::regclass::text AS offender
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND (c.relkind = 'm'
        OR (c.relkind = 'v' AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)))
 ORDER BY 1;

-- check: security_definer_functions_without_search_path
SELECT p.oid::regprocedure::text AS offender
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND p.prosecdef
   AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search\_path=%')
 ORDER BY 1;

-- check: security_definer_functions_for_everybody
SELECT p.oid::regprocedure::text AS offender
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND p.prosecdef
   AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl WHERE acl.grantee = 0)
 ORDER BY 1;

-- check: timestamps_without_time_zone
SELECT c.oid::regclass || '.' || a.attname AS offender
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
   AND a.atttypid IN ('timestamp'::regtype, 'timestamp[]'::regtype, 'time'::regtype, 'timetz'::regtype)
 ORDER BY 1;

-- check: floats_in_money_or_time
SELECT c.oid::regclass || '.' || a.attname AS offender
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
   AND a.atttypid IN ('real'::regtype, 'double precision'::regtype, 'real[]'::regtype, 'double precision[]'::regtype, 'money'::regtype)
   AND (a.atttypid = 'money'::regtype
        OR a.attname ~ '(amount|price|cost|fee|balance|minor|credit|quantity|tax|discount|total|fps|frame|duration|seconds|time|_at$|_until$|_ms$|_us$|_ns$|_s$)')
 ORDER BY 1;

-- check: default_privileges
SELECT pg_get_userbyid(d.defaclrole) || ' in ' || coalesce(n.nspname, 'every schema') || ', kind ' || d.defaclobjtype::text AS offender
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
 ORDER BY 1;

-- check: partitions_that_can_be_read_directly
-- A partition's rows are reached through its parent, whose policies hold: no grant, no policy, and row-level security forced.
SELECT c.oid::regclass::text AS offender
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relispartition AND c.relkind IN ('r', 'p')
   AND (NOT (c.relrowsecurity AND c.relforcerowsecurity)
        OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
        OR EXISTS (SELECT FROM aclexplode(c.relacl) AS acl WHERE acl.grantee <> c.relowner)
        OR EXISTS (SELECT FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) AS acl WHERE a.attrelid = c.oid AND acl.grantee <> c.relowner))
 ORDER BY 1;

-- check: partitioned_tables_that_nobody_extends
SELECT c.oid::regclass::text AS offender
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_partitioned_table t ON t.partrelid = c.oid
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND t.partstrat = 'r' AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM app.partitioned_tables p WHERE p.parent = c.oid)
 ORDER BY 1;

-- check: default_partitions
SELECT t.partdefid::regclass::text AS offender FROM pg_partitioned_table t WHERE t.partdefid <> 0 ORDER BY 1;

-- check: truncate_grants
SELECT c.oid::regclass || ' to ' || coalesce(g.rolname, 'PUBLIC') AS offender
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
  LEFT JOIN pg_roles g ON g.oid = acl.grantee
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND acl.privilege_type = 'TRUNCATE' AND acl.grantee <> c.relowner
 ORDER BY 1;

-- check: append_only_tables_that_can_be_changed
-- Tables with the trigger app.no_mutation: no UPDATE and no DELETE to anybody, and both triggers, for TRUNCATE fires no row trigger.
SELECT c.oid::regclass::text AS offender
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app') AND NOT c.relispartition
   AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgfoid = to_regprocedure('app.no_mutation()'))
   AND ((SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgfoid = to_regprocedure('app.no_mutation()') AND t.tgenabled <> 'D') < 2
        OR EXISTS (SELECT FROM aclexplode(c.relacl) AS acl WHERE acl.grantee <> c.relowner AND acl.privilege_type IN ('UPDATE', 'DELETE'))
        OR EXISTS (SELECT FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) AS acl
                    WHERE a.attrelid = c.oid AND acl.grantee <> c.relowner AND acl.privilege_type = 'UPDATE'))
 ORDER BY 1;

-- check: objects_not_owned_by_their_schemas_owner
SELECT o.kind || ' ' || o.name || ' is owned by ' || pg_get_userbyid(o.owner) AS offender
  FROM (SELECT 'relation' AS kind, c.oid::regclass::text AS name, c.relowner AS owner, n.nspname AS home
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        UNION ALL
        SELECT 'routine', p.oid::regprocedure::text, p.proowner, n.nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        UNION ALL
        SELECT 'type', t.oid::regtype::text, t.typowner, n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        UNION ALL
        SELECT 'schema', n.nspname, n.nspowner, n.nspname FROM pg_namespace n) AS o
 WHERE o.home IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND pg_get_userbyid(o.owner) <> 'fr_owner_' || o.home
 ORDER BY 1;

-- check: login_roles_that_own_something
SELECT r.rolname || ' owns ' || pg_describe_object(d.classid, d.objid, d.objsubid) AS offender
  FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
 WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o'
   AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
   AND r.rolname LIKE 'fr\_%' AND r.rolcanlogin
 ORDER BY 1;

-- check: roles_that_can_do_too_much
SELECT r.rolname AS offender
  FROM pg_roles r
 WHERE r.rolname LIKE 'fr\_%'
   AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
        OR (r.rolbypassrls AND r.rolname <> 'fr_backup')
        OR (r.rolcanlogin AND EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND pg_get_userbyid(m.roleid) <> 'pg_read_all_data'))
        OR (r.rolcanlogin = (r.rolname LIKE 'fr\_owner\_%')))
 ORDER BY 1;

-- check: service_roles_outside_their_schema
-- Any right of a login role on another service's schema, or on a relation in it; and any right of fr_maint on a table at all.
SELECT r.rolname || ' on ' || o.name AS offender
  FROM pg_roles r
  JOIN (VALUES ('fr_identity', 'identity'), ('fr_content', 'content'), ('fr_studio', 'studio'), ('fr_render', 'render'),
               ('fr_filemgr', 'file_mgr'), ('fr_notification', 'notification'), ('fr_maint', NULL)) AS s(role, home)
    ON r.rolname IN (s.role, s.role || '_worker')
 CROSS JOIN LATERAL (
       SELECT 'schema ' || n.nspname AS name
         FROM pg_namespace n
        WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification') AND n.nspname IS DISTINCT FROM s.home
          AND has_schema_privilege(r.oid, n.oid, 'USAGE, CREATE')
       UNION ALL
       SELECT c.oid::regclass::text
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification') AND n.nspname IS DISTINCT FROM s.home
          AND ((c.relkind IN ('r', 'p', 'v', 'm', 'f')
                AND (has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                     OR has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')))
               OR (c.relkind = 'S' AND has_sequence_privilege(r.oid, c.oid, 'USAGE, SELECT, UPDATE')))) AS o
 ORDER BY 1;

-- check: service_roles_that_can_create
SELECT r.rolname || ' in schema ' || n.nspname AS offender
  FROM pg_roles r CROSS JOIN pg_namespace n
 WHERE r.rolname LIKE 'fr\_%' AND r.rolcanlogin AND n.nspname NOT LIKE 'pg\_%' AND has_schema_privilege(r.oid, n.oid, 'CREATE')
 ORDER BY 1;

-- check: grants_to_everybody
SELECT o.name AS offender
  FROM (SELECT 'relation ' || c.oid::regclass AS name, acl.grantee, n.nspname AS home
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
        UNION ALL
        SELECT 'column ' || c.oid::regclass || '.' || a.attname, acl.grantee, n.nspname
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         CROSS JOIN LATERAL aclexplode(a.attacl) AS acl
        UNION ALL
        SELECT 'schema ' || n.nspname, acl.grantee, n.nspname FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) AS acl) AS o
 WHERE o.grantee = 0 AND o.home IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
 ORDER BY 1;

-- check: grants_that_can_be_passed_on
SELECT c.oid::regclass || ' to ' || pg_get_userbyid(acl.grantee) AS offender
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND acl.is_grantable AND acl.grantee <> c.relowner
 ORDER BY 1;

-- check: tenant_facing_roles_that_update_too_much
-- UPDATE is granted column by column, and never for the columns that say whose a row is or what a user may do.
SELECT c.oid::regclass || '.' || a.attname || ' by ' || r.rolname AS offender
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 CROSS JOIN pg_roles r
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relkind IN ('r', 'p')
   AND r.rolname IN ('fr_identity', 'fr_content', 'fr_studio', 'fr_render', 'fr_filemgr', 'fr_notification')
   AND a.attname IN ('id', 'tenant_id', 'role', 'auth_epoch', 'balance', 'created_at', 'row_version', 'limit_bytes', 'limit_files')
   AND has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE')
 ORDER BY 1;

-- check: tenant_facing_roles_that_write_shared_tables
-- Without row-level security a tenant-facing role may read a registry, and nothing else.
SELECT c.oid::regclass || ' by ' || r.rolname AS offender
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN pg_roles r
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND NOT c.relispartition
   AND r.rolname IN ('fr_identity', 'fr_content', 'fr_studio', 'fr_render', 'fr_filemgr', 'fr_notification')
   AND (has_table_privilege(r.oid, c.oid, 'DELETE') OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE'))
 ORDER BY 1;

-- check: row_version_without_touch
-- The version is the ETag: where there is one, the trigger that raises it.
SELECT c.oid::regclass::text AS offender
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'row_version' AND NOT a.attisdropped
 WHERE n.nspname IN ('identity', 'content', 'studio', 'render', 'file_mgr', 'notification', 'app')
   AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgfoid = to_regprocedure('app.touch()') AND t.tgnargs = 1)
 ORDER BY 1;
