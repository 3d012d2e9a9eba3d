//! The database roles of the services, and the check that a session is one of them and nothing more.
//!
//! Row-level security does not bind superusers, and owners can switch it off. So no pool but the migrator's may be
//! either, and each connection proves it before its first use. Grants are not made here: `migrations/` does that.

use sqlx::PgConnection;

use super::error::DatabaseError;

/// Who connects. Each role sees its own schema only; what it may do there stands in `migrations/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Applies migrations; owns (or may become) the owners of the schemas. Never serves requests.
    Migrator,
    /// Requests of the identity part.
    Identity,
    /// Schedulers and sweepers of the identity part.
    IdentityWorker,
    /// Requests of the content part.
    Content,
    /// Schedulers and sweepers of the content part.
    ContentWorker,
    /// Requests of the studio part.
    Studio,
    /// Schedulers and sweepers of the studio part.
    StudioWorker,
    /// Tenants' requests to the farm.
    Render,
    /// The farm's leader.
    RenderWorker,
    /// Requests of the file part.
    FileMgr,
    /// Schedulers and sweepers of the file part.
    FileMgrWorker,
    /// Requests of the notification part.
    Notification,
    /// Senders and sweepers of the notification part.
    NotificationWorker,
    /// Makes and drops partitions, counts orphans; reads no rows.
    Maint,
}

impl Role {
    /// Every role but the migrator: those that serve.
    pub const SERVICES: [Self; 13] = [
        Self::Identity,
        Self::IdentityWorker,
        Self::Content,
        Self::ContentWorker,
        Self::Studio,
        Self::StudioWorker,
        Self::Render,
        Self::RenderWorker,
        Self::FileMgr,
        Self::FileMgrWorker,
        Self::Notification,
        Self::NotificationWorker,
        Self::Maint,
    ];

    /// The name of the role in the database, and its key in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Migrator => "fr_migrator",
            Self::Identity => "fr_identity",
            Self::IdentityWorker => "fr_identity_worker",
            Self::Content => "fr_content",
            Self::ContentWorker => "fr_content_worker",
            Self::Studio => "fr_studio",
            Self::StudioWorker => "fr_studio_worker",
            Self::Render => "fr_render",
            Self::RenderWorker => "fr_render_worker",
            Self::FileMgr => "fr_filemgr",
            Self::FileMgrWorker => "fr_filemgr_worker",
            Self::Notification => "fr_notification",
            Self::NotificationWorker => "fr_notification_worker",
            Self::Maint => "fr_maint",
        }
    }

    /// The schema that a service role works in; the migrator and the maintainer have none.
    #[must_use]
    pub const fn schema(self) -> Option<&'static str> {
        match self {
            Self::Migrator | Self::Maint => None,
            Self::Identity | Self::IdentityWorker => Some("identity"),
            Self::Content | Self::ContentWorker => Some("content"),
            Self::Studio | Self::StudioWorker => Some("studio"),
            Self::Render | Self::RenderWorker => Some("render"),
            Self::FileMgr | Self::FileMgrWorker => Some("file_mgr"),
            Self::Notification | Self::NotificationWorker => Some("notification"),
        }
    }
}

/// What a session must not be. Ownership counts through membership too: a member can become the owner.
const WHO: &str = "
    SELECT session_user::text, r.rolsuper, r.rolbypassrls,
           EXISTS (SELECT 1 FROM pg_class c
                   WHERE c.relkind IN ('r', 'p')
                     AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
                     AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
    FROM pg_roles r WHERE r.rolname = session_user";

/// Refuses a session that is a superuser, passes row-level security, owns a table, or is not `role` at all.
pub(crate) async fn assert_fit(
    session: &mut PgConnection,
    role: Role,
) -> Result<(), DatabaseError> {
    let (user, superuser, bypasses, owns): (String, bool, bool, bool) = sqlx::query_as(WHO)
        .fetch_one(session)
        .await
        .map_err(DatabaseError::sql("ask who the session is"))?;
    let reason = if superuser {
        "is a superuser"
    } else if bypasses {
        "passes row-level security (BYPASSRLS)"
    } else if owns {
        "owns tables or may become their owner"
    } else if user != role.name() {
        "is another role"
    } else {
        return Ok(());
    };
    Err(DatabaseError::UnfitRole {
        role: role.name(),
        user,
        reason,
    })
}
