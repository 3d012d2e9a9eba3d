-- 14_notification: what people are told, and by which channel they want to hear it. Ends with the one foreign key between two
-- schemas: identity.earned_gifts names the notification that told of the gift.

BEGIN;
SET LOCAL ROLE fr_owner_notification;

CALL app.outbox_stamp('notification', 'notification');

-- Kinds of notifications. Critical ones pass preferences and quiet hours; the list of those is short.
CREATE TABLE notification.notification_types (
    key              text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,3}$' AND length(key) <= 100),
    category         text NOT NULL CHECK (category IN ('render', 'account', 'security', 'billing', 'gift', 'system', 'marketing')),
    critical         boolean NOT NULL DEFAULT false,
    default_channels text[] NOT NULL CHECK (default_channels <@ ARRAY['in_app', 'push', 'email', 'sms', 'telegram']),
    ttl_s            int CHECK (ttl_s > 0),
    CHECK (NOT critical OR cardinality(default_channels) > 0)
);
INSERT INTO notification.notification_types (key, category, critical, default_channels, ttl_s) VALUES
    ('render.succeeded', 'render', false, '{in_app,push}', NULL),
    ('render.failed', 'render', false, '{in_app,push,email}', NULL),
    ('gift.earned', 'gift', false, '{in_app}', NULL),
    ('payment.succeeded', 'billing', false, '{in_app,email}', NULL),
    ('quota.threshold', 'system', false, '{in_app,email}', NULL),
    ('security.login.new_device', 'security', true, '{in_app,email}', NULL),
    ('security.session.compromised', 'security', true, '{in_app,email,sms}', NULL),
    ('account.banned', 'account', true, '{email}', NULL);
CALL app.rls_r0('notification.notification_types', 'notification');
GRANT SELECT ON notification.notification_types TO fr_notification, fr_notification_worker;

-- The inbox. Title and body are written in the reader's language when the row is made.
CREATE TABLE notification.notifications (
    id          uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id   uuid NOT NULL,                                      -- identity.tenants
    user_id     uuid NOT NULL,                                      -- identity.users
    type_key    text NOT NULL REFERENCES notification.notification_types ON UPDATE CASCADE ON DELETE RESTRICT,
    data        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object' AND octet_length(data::text) <= 16384),
    title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
    body        text NOT NULL DEFAULT '' CHECK (octet_length(body) <= 16384),
    locale      text NOT NULL CHECK (locale ~ '^[a-z]{2}(-[A-Z]{2})?$'),
    direction   text NOT NULL CHECK (direction IN ('rtl', 'ltr')),
    action_url  text CHECK (length(action_url) <= 2048 AND action_url ~ '^(https://[^[:space:]]+|/([^/\\[:space:]][^[:space:]]*)?)$'),
    group_key   text CHECK (length(group_key) <= 255),
    priority    text NOT NULL DEFAULT 'normal' CHECK (priority IN ('low', 'normal', 'high')),
    dedupe_key  text CHECK (length(dedupe_key) BETWEEN 1 AND 255),
    seen_at     timestamptz,
    read_at     timestamptz,
    archived_at timestamptz,
    expires_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, user_id, dedupe_key)
);
CREATE INDEX notifications_newest ON notification.notifications (tenant_id, user_id, id DESC);
CREATE INDEX notifications_unread ON notification.notifications (tenant_id, user_id, id DESC) WHERE read_at IS NULL AND archived_at IS NULL;
CREATE INDEX notifications_type ON notification.notifications (type_key);
CREATE INDEX notifications_expiring ON notification.notifications (expires_at) WHERE expires_at IS NOT NULL;
CALL app.rls_r3('notification.notifications', 'notification');
GRANT SELECT, DELETE, UPDATE (seen_at, read_at, archived_at) ON notification.notifications TO fr_notification;
GRANT SELECT, INSERT, DELETE ON notification.notifications TO fr_notification_worker;

-- A user's choice for a kind ('*': all) on a channel. The nearest wins: kind and channel, then '*' and channel, then the kind's default.
CREATE TABLE notification.notification_preferences (
    tenant_id   uuid NOT NULL,                                      -- identity.tenants
    user_id     uuid NOT NULL,                                      -- identity.users
    type_key    text NOT NULL CHECK (type_key = '*' OR type_key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,3}$'),
    channel     text NOT NULL CHECK (channel IN ('in_app', 'push', 'email', 'sms', 'telegram')),
    enabled     boolean NOT NULL,
    frequency   text NOT NULL DEFAULT 'instant' CHECK (frequency IN ('instant', 'hourly', 'daily', 'weekly')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    row_version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, user_id, type_key, channel)
);
CALL app.rls_r3('notification.notification_preferences', 'notification');
GRANT SELECT, INSERT, DELETE, UPDATE (enabled, frequency) ON notification.notification_preferences TO fr_notification;
GRANT SELECT, INSERT, DELETE ON notification.notification_preferences TO fr_notification_worker;

-- ------------------------------------------------------------------------------------ the one key between two schemas
-- The owner of schema identity may see that notifications exist, and point at them. No login role gets anything from this.
GRANT USAGE ON SCHEMA notification TO fr_owner_identity;
GRANT REFERENCES (tenant_id, id) ON notification.notifications TO fr_owner_identity;
SET LOCAL ROLE fr_owner_identity;
ALTER TABLE identity.earned_gifts ADD CONSTRAINT earned_gifts_notification_fkey
    FOREIGN KEY (tenant_id, notification_id) REFERENCES notification.notifications (tenant_id, id)
    ON DELETE SET NULL (notification_id);

COMMIT;
