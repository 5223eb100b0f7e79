//! The users service: who our customers are, kept in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use dovetail_client::types::Patch;
use serde::Deserialize;
use serde_json::{Value, json};
use users_client::types::{NewUser, User, UserChanges, UserPage, UserStatus};

use crate::Now;
use crate::problem::Problem;
use crate::states::{self, Action, Change};

/// Users per page where the caller does not say.
const LIMIT: usize = 20;
/// Most users per page.
const LIMIT_MAX: usize = 100;

/// All users, oldest first.
#[derive(Debug, Clone)]
pub struct Users {
    by_number: Arc<Mutex<BTreeMap<u64, User>>>,
    now: Now,
}

/// What a list is restricted to.
#[derive(Debug, Deserialize)]
struct Page {
    limit: Option<usize>,
    after: Option<String>,
}

impl Users {
    /// No users yet.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self {
            by_number: Arc::default(),
            now,
        }
    }

    /// The service. `with_states` mounts the endpoint for verification.
    pub fn router(self, with_states: bool) -> Router {
        let users = self.clone();
        let router = Router::new()
            .route("/users", routing::get(list).post(create))
            .route("/users/{user_id}", routing::get(fetch).patch(update))
            .with_state(self);
        if with_states {
            states::mount(router, move |change| {
                std::future::ready(users.apply(&change))
            })
        } else {
            router
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<u64, User>) -> T) -> T {
        // A panic elsewhere leaves the map whole: every change is a single insert or remove.
        work(
            &mut self
                .by_number
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn add(&self, new: NewUser, status: UserStatus) -> Result<User, Problem> {
        let created_at = (self.now)();
        self.with(|users| {
            if users.values().any(|user| user.email == new.email) {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "the e-mail address is taken",
                ));
            }
            let number = users.keys().next_back().map_or(1, |last| last + 1);
            let id = format!("u-{number}");
            let NewUser {
                name, email, phone, ..
            } = new;
            let user = User {
                id,
                name,
                email,
                phone,
                status,
                created_at,
            };
            users.insert(number, user.clone());
            Ok(user)
        })
    }

    /// Puts the service into a state, or out of it.
    fn apply(&self, change: &Change) -> Option<Value> {
        match (change.state.as_str(), change.action) {
            ("a user exists", Action::Setup) => {
                let status = match change.text("status") {
                    Some("suspended") => UserStatus::Suspended,
                    Some("closed") => UserStatus::Closed,
                    _ => UserStatus::Active,
                };
                let email = format!("{}@example.org", uuid::Uuid::new_v4());
                let new = NewUser {
                    name: "Ada".to_owned(),
                    email,
                    phone: None,
                };
                self.add(new, status)
                    .ok()
                    .map(|user| json!({ "user_id": user.id }))
            }
            ("no user exists", Action::Setup) => {
                self.with(BTreeMap::clear);
                Some(json!({}))
            }
            ("a user exists" | "no user exists", Action::Teardown) => Some(json!({})),
            _ => None,
        }
    }
}

async fn list(
    State(users): State<Users>,
    Query(page): Query<Page>,
    uri: axum::http::Uri,
) -> Json<UserPage> {
    let limit = page.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let wanted = statuses(uri.query().unwrap_or_default());
    let before = page.after.as_deref().and_then(number).unwrap_or(u64::MAX);
    users.with(|users| {
        let mut matching = users
            .range(..before)
            .rev()
            .map(|(_, user)| user)
            .filter(|user| {
                wanted.is_empty() || wanted.iter().any(|status| status == user.status.as_str())
            });
        let page: Vec<User> = matching.by_ref().take(limit).cloned().collect();
        let next = matching.next().and(page.last()).map(|user| user.id.clone());
        Json(UserPage { users: page, next })
    })
}

/// The values of `status`, which may stand in the query several times.
fn statuses(query: &str) -> Vec<String> {
    query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("status="))
        .map(str::to_owned)
        .collect()
}

async fn create(
    State(users): State<Users>,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    users
        .add(new, UserStatus::Active)
        .map(|user| (StatusCode::CREATED, Json(user)))
}

async fn fetch(
    State(users): State<Users>,
    Path(user_id): Path<String>,
) -> Result<Json<User>, Problem> {
    let user = number(&user_id).and_then(|number| users.with(|users| users.get(&number).cloned()));
    user.map(Json).ok_or_else(no_such_user)
}

async fn update(
    State(users): State<Users>,
    Path(user_id): Path<String>,
    Json(changes): Json<UserChanges>,
) -> Result<Json<User>, Problem> {
    let number = number(&user_id).ok_or_else(no_such_user)?;
    users.with(|users| {
        let user = users.get_mut(&number).ok_or_else(no_such_user)?;
        if let Some(name) = changes.name {
            user.name = name;
        }
        match changes.phone {
            Patch::Absent => {}
            Patch::Null => user.phone = None,
            Patch::Value(phone) => user.phone = Some(phone),
        }
        Ok(Json(user.clone()))
    })
}

fn number(user_id: &str) -> Option<u64> {
    user_id.strip_prefix("u-")?.parse().ok()
}

fn no_such_user() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no such user")
}
