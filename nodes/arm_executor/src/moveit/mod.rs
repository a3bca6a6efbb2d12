//! MoveIt's interfaces: `compute_ik`, `compute_fk`, `compute_cartesian_path`.
//!
//! A request is answered from a [`Cell`]: the arms, and where they are. Names may be said as tf says them
//! (`left/link_eef`, group `left`) or as a vendor's dual-arm configuration does (`L_link_eef`, group `L_xarm7`).
//! What MoveIt has and these services have not is refused by name, never ignored.

mod cartesian_path;
mod cell;
mod execute;
mod forward;
mod inverse;
mod refusal;

use std::sync::Arc;

use dreamitate_carrier::{CarrierError, Node};
use dreamitate_msgs::{
    Service,
    moveit_msgs::{GetCartesianPath, GetPositionFK, GetPositionIK},
};

pub(crate) use cell::{Cell, CellArm};
pub(crate) use execute::{Way, trajectories};
pub(crate) use refusal::{Refusal, success};

/// Serves the three services as long as the node lives; `cell` says where the arms are at a request.
pub(crate) fn serve(
    node: &Node,
    cell: impl Fn() -> Cell + Clone + Send + Sync + 'static,
    accept_partial_paths: bool,
) -> Result<(), CarrierError> {
    answer::<GetPositionIK>(node, "compute_ik", cell.clone(), inverse::compute_ik)?;
    answer::<GetPositionFK>(node, "compute_fk", cell.clone(), forward::compute_fk)?;
    answer::<GetCartesianPath>(node, "compute_cartesian_path", cell, move |cell, request| {
        cartesian_path::compute_cartesian_path(cell, request, accept_partial_paths)
    })
}

/// Answers on a thread that may take its time.
fn answer<S: Service>(
    node: &Node,
    name: &str,
    cell: impl Fn() -> Cell + Send + Sync + 'static,
    answer: impl Fn(&Cell, &S::Request) -> S::Response + Send + Sync + 'static,
) -> Result<(), CarrierError>
where
    S::Request: Send + 'static,
    S::Response: Default + Send + 'static,
{
    let answer = Arc::new(answer);
    node.serve::<S, _, _>(name, move |request| {
        let (cell, answer) = (cell(), answer.clone());
        async move {
            let worked = tokio::task::spawn_blocking(move || answer(&cell, &request)).await;
            worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
        }
    })
}
