//! A customer: registers, orders, and looks at the order, all through the generated clients.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use dovetail_client::types::Patch;
use dovetail_messaging::Clock;
use orders_client::types::{Line, NewOrder, Order, OrderStatus};
use users_client::types::NewUser;

/// How long the customer waits for the news that the order is paid.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the customer waits before looking again.
const LOOK: Duration = Duration::from_millis(50);

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
    let order = paid(&orders, &placed.id.to_string()).await?;
    Ok(vec![
        format!("users     registered {} as {}", user.name, user.id),
        format!(
            "orders    took an order of {} lines: {}.{:02} EUR",
            order.lines.len(),
            order.total / 100,
            order.total % 100
        ),
        format!(
            "payments  charged for it once: {}, and the order was {}",
            placed.payment_id, placed.status
        ),
        format!(
            "payments  told that the money came, and the order is {}",
            order.status
        ),
    ])
}

/// Looks at the order until it is paid.
async fn paid(orders: &orders_client::Client, id: &str) -> Result<Order> {
    let clock = Clock::system();
    let end = clock.now() + PATIENCE;
    while clock.now() < end {
        let order = orders.get_order(id).await.context("looking at the order")?;
        if order.status == OrderStatus::Paid {
            return Ok(order);
        }
        clock.sleep(LOOK).await;
    }
    bail!("nobody said that the order is paid")
}
