//! A customer: registers, orders, and looks at the order, all through the generated clients.

use anyhow::{Context, Result};
use dovetail_client::types::Patch;
use orders_client::types::{Line, NewOrder};
use users_client::types::NewUser;

/// Visits the shop once and tells what happened, a line for each call.
///
/// # Errors
///
/// Where a call fails.
pub async fn visit(orders: &str, users: &str) -> Result<Vec<String>> {
    let users = users_client::Client::new(users).context("where users runs")?;
    let orders = orders_client::Client::new(orders).context("where orders runs")?;
    let new = NewUser {
        name: "Grace".to_owned(),
        email: "grace@example.org".to_owned(),
        phone: None,
    };
    let user = users.create_user(&new).await.context("registering")?;
    let line = |sku: &str, quantity, price| Line {
        sku: sku.to_owned(),
        quantity,
        price,
    };
    let new = NewOrder {
        user_id: user.id.clone(),
        lines: vec![line("saw", 1, 2_450), line("chisel", 2, 890)],
        card_token: "tok-grace".to_owned(),
        note: Patch::Absent,
    };
    let placed = orders.place_order(&new).await.context("ordering")?;
    let order = orders
        .get_order(&placed.id.to_string())
        .await
        .context("looking at the order")?;
    Ok(vec![
        format!("users     registered {} as {}", user.name, user.id),
        format!(
            "orders    took an order of {} lines: {}.{:02} EUR",
            order.lines.len(),
            order.total / 100,
            order.total % 100
        ),
        format!(
            "payments  charged for it once: {}, and the order is {}",
            order.payment_id, order.status
        ),
    ])
}
