//! What types have to do with one another: which hold each other and need a box, which cannot be compared exactly, which are large.

use std::collections::HashMap;

use super::ty::Ty;
use super::types::{Body, Draft};

/// Facts about types that follow from all of them together.
#[derive(Debug)]
pub(super) struct Graph {
    /// The number of the cycle that each type is part of; types of one cycle share it.
    component: Vec<usize>,
    /// Whether a type holds itself, directly or not.
    is_cyclic: Vec<bool>,
    has_float: Vec<bool>,
    size: Vec<usize>,
    /// Fields of each type that are larger than this are boxed.
    field_max: Vec<usize>,
    /// How many types stand within one another at most.
    pub(super) depth: usize,
}

impl Graph {
    pub(super) fn new(drafts: &[Draft]) -> Self {
        let held: Vec<Vec<usize>> = drafts
            .iter()
            .map(|draft| edges(draft, Ty::held_by_value))
            .collect();
        let mentioned: Vec<Vec<usize>> = drafts
            .iter()
            .map(|draft| edges(draft, Ty::mentioned))
            .collect();
        let (component, members) = components(&held);
        let is_cyclic = held
            .iter()
            .enumerate()
            .map(|(at, targets)| {
                let home = component.get(at).copied().unwrap_or_default();
                members.get(&home).is_some_and(|count| *count > 1) || targets.contains(&at)
            })
            .collect();
        let mut graph = Self {
            component,
            is_cyclic,
            has_float: floats(drafts, &mentioned),
            size: Vec::new(),
            field_max: vec![FIELD_MAX; drafts.len()],
            depth: depth(&mentioned),
        };
        graph.measure(drafts);
        graph
    }

    /// Whether a field of `owner` of this type must be boxed: it leads back to `owner`, or is too large to be moved around with it.
    pub(super) fn needs_box(&self, owner: usize, ty: &Ty) -> bool {
        let field_max = self.field_max.get(owner).copied().unwrap_or(FIELD_MAX);
        self.leads_back(owner, ty) || size(ty, &self.size) > field_max
    }

    fn leads_back(&self, owner: usize, ty: &Ty) -> bool {
        let mut held = Vec::new();
        ty.held_by_value(&mut held);
        held.iter().any(|target| {
            self.component.get(owner) == self.component.get(*target)
                && self.is_cyclic.get(owner).copied().unwrap_or_default()
        })
    }

    pub(super) fn has_float(&self, ty: &Ty) -> bool {
        let mut mentioned = Vec::new();
        ty.mentioned(&mut mentioned);
        ty.has_float() || mentioned.iter().any(|index| self.type_has_float(*index))
    }

    pub(super) fn type_has_float(&self, index: usize) -> bool {
        self.has_float.get(index).copied().unwrap_or_default()
    }

    /// At least as many bytes as a value takes.
    pub(super) fn size(&self, ty: &Ty) -> usize {
        size(ty, &self.size)
    }

    /// Decides the sizes of all types, of those that are held before those that hold them.
    fn measure(&mut self, drafts: &[Draft]) {
        let mut order: Vec<usize> = (0..drafts.len()).collect();
        // Components are numbered from the leaves, so a type comes after all that it holds without a box.
        order.sort_by_key(|index| self.component.get(*index).copied());
        self.size = vec![8; drafts.len()];
        for index in order {
            let Some(draft) = drafts.get(index) else {
                continue;
            };
            let mut total = self.total(index, &draft.body);
            if total > STRUCT_MAX
                && let Some(field_max) = self.field_max.get_mut(index)
            {
                *field_max = BOXED_ABOVE;
                total = self.total(index, &draft.body);
            }
            if let Some(size) = self.size.get_mut(index) {
                *size = total;
            }
        }
    }

    /// The size of a type, where those of what it holds are known.
    fn total(&self, index: usize, body: &Body) -> usize {
        let of = |ty: &Ty| match self.needs_box(index, ty) {
            true => 8,
            false => self.size(ty),
        };
        match body {
            Body::Struct(body) => {
                let fields = body.fields.iter().map(|field| of(&field.ty) + 8);
                fields.sum::<usize>() + if body.extra.is_some() { 24 } else { 0 }
            }
            Body::Union(body) => {
                let variants = body.variants.iter();
                let largest = variants.map(|variant| of(&variant.ty).min(BOXED_ABOVE));
                largest.max().unwrap_or(0).max(48) + 8
            }
            Body::Words(_) | Body::Alike(_) | Body::Alias(_) | Body::Form(..) | Body::Open => 24,
            Body::Numbers(..) => 16,
        }
    }
}

/// Fields that are larger are boxed: what is moved around should be small, and types that hold others twice each would have no end.
const FIELD_MAX: usize = 4_096;

/// Structs that are larger box all fields but small ones.
const STRUCT_MAX: usize = 65_536;

/// The longest chain of types that mention one another; types of one cycle all count.
fn depth(mentioned: &[Vec<usize>]) -> usize {
    let (component, members) = components(mentioned);
    let mut order: Vec<usize> = (0..mentioned.len()).collect();
    // Components are numbered from the leaves.
    order.sort_by_key(|index| component.get(*index).copied());
    let mut deepest: HashMap<usize, usize> = HashMap::new();
    for index in order {
        let home = component.get(index).copied().unwrap_or_default();
        let below = mentioned.get(index).into_iter().flatten();
        let below = below
            .filter_map(|target| component.get(*target))
            .filter(|target| **target != home)
            .filter_map(|target| deepest.get(target))
            .max()
            .copied()
            .unwrap_or(0);
        let own = below + members.get(&home).copied().unwrap_or(1);
        let known = deepest.entry(home).or_insert(own);
        *known = own.max(*known);
    }
    deepest.into_values().max().unwrap_or(0)
}

/// Variants that are larger are boxed, so that no variant is much larger than the others.
pub(super) const BOXED_ABOVE: usize = 120;

fn size(ty: &Ty, sizes: &[usize]) -> usize {
    match ty {
        Ty::Bool => 1,
        Ty::Float | Ty::Date => 8,
        Ty::Int(_) | Ty::Number | Ty::Uuid | Ty::DateTime => 16,
        Ty::Text | Ty::Base64 | Ty::Decimal | Ty::DecimalNumber | Ty::List(_) | Ty::Map(_) => 24,
        Ty::Bytes | Ty::Value => 32,
        Ty::Body | Ty::File | Ty::Form | Ty::Stream | Ty::Events(_) | Ty::Lines(_) => 96,
        Ty::Optional(inner) => size(inner, sizes).saturating_add(8),
        Ty::Tuple(parts) => parts
            .iter()
            .map(|part| size(part, sizes))
            .fold(0, usize::saturating_add),
        Ty::Named(index) => sizes.get(*index).copied().unwrap_or(8),
    }
}

fn edges(draft: &Draft, find: fn(&Ty, &mut Vec<usize>)) -> Vec<usize> {
    let mut found = Vec::new();
    match &draft.body {
        Body::Struct(body) => {
            body.fields
                .iter()
                .for_each(|field| find(&field.ty, &mut found));
            body.extra.iter().for_each(|(_, ty)| find(ty, &mut found));
        }
        Body::Union(body) => body
            .variants
            .iter()
            .for_each(|variant| find(&variant.ty, &mut found)),
        Body::Alias(ty) => find(ty, &mut found),
        Body::Form(_, parts) => parts.iter().for_each(|part| find(&part.ty, &mut found)),
        Body::Words(_) | Body::Numbers(..) | Body::Alike(_) | Body::Open => {}
    }
    found
}

/// Types in which a number that is no integer occurs, however deep.
fn floats(drafts: &[Draft], mentioned: &[Vec<usize>]) -> Vec<bool> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (user, targets) in mentioned.iter().enumerate() {
        for target in targets {
            if let Some(list) = users.get_mut(*target) {
                list.push(user);
            }
        }
    }
    let own = |draft: &Draft| match &draft.body {
        Body::Struct(body) => {
            body.fields.iter().any(|field| field.ty.has_float())
                || body.extra.as_ref().is_some_and(|(_, ty)| ty.has_float())
        }
        Body::Union(body) => body.variants.iter().any(|variant| variant.ty.has_float()),
        Body::Alias(ty) => ty.has_float(),
        Body::Form(..) | Body::Words(_) | Body::Numbers(..) | Body::Alike(_) | Body::Open => false,
    };
    let mut marked: Vec<bool> = drafts.iter().map(own).collect();
    let mut open: Vec<usize> = (0..drafts.len())
        .filter(|index| marked.get(*index) == Some(&true))
        .collect();
    while let Some(index) = open.pop() {
        for user in users.get(index).into_iter().flatten() {
            if let Some(mark) = marked.get_mut(*user)
                && !*mark
            {
                *mark = true;
                open.push(*user);
            }
        }
    }
    marked
}

/// Strongly connected components (Tarjan), without recursion, numbered from the leaves; and how many types each has.
fn components(edges: &[Vec<usize>]) -> (Vec<usize>, HashMap<usize, usize>) {
    const UNSEEN: usize = usize::MAX;
    let count = edges.len();
    let (mut order, mut low, mut component) =
        (vec![UNSEEN; count], vec![0; count], vec![UNSEEN; count]);
    let (mut members, mut stack, mut next, mut done) = (HashMap::new(), Vec::new(), 0, 0);
    for root in 0..count {
        if order[root] != UNSEEN {
            continue;
        }
        let mut work = vec![(root, 0)];
        while let Some((at, edge)) = work.pop() {
            if edge == 0 {
                order[at] = next;
                low[at] = next;
                next += 1;
                stack.push(at);
            }
            if let Some(&target) = edges[at].get(edge) {
                work.push((at, edge + 1));
                if order[target] == UNSEEN {
                    work.push((target, 0));
                } else if component[target] == UNSEEN {
                    low[at] = low[at].min(order[target]);
                }
                continue;
            }
            if low[at] == order[at] {
                while let Some(member) = stack.pop() {
                    component[member] = done;
                    *members.entry(done).or_insert(0) += 1;
                    if member == at {
                        break;
                    }
                }
                done += 1;
            }
            if let Some((parent, _)) = work.last() {
                low[*parent] = low[*parent].min(low[at]);
            }
        }
    }
    (component, members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_one_cycle_share_a_component() {
        let edges = vec![vec![1], vec![2], vec![0, 3], vec![], vec![4]];
        let (component, members) = components(&edges);
        assert_eq!(component[0], component[1]);
        assert_eq!(component[1], component[2]);
        assert_ne!(component[3], component[0]);
        assert!(component[3] < component[0], "leaves come first");
        assert_eq!(members[&component[0]], 3);
        assert_eq!(members[&component[4]], 1);
    }

    #[test]
    fn the_longest_chain_counts_cycles_whole() {
        let rows: [(&[&[usize]], usize); 4] = [
            (&[], 0),
            (&[&[1], &[2], &[]], 3),
            (&[&[1, 3], &[0, 2], &[], &[2]], 4),
            (&[&[0]], 1),
        ];
        for (edges, expected) in rows {
            let edges: Vec<Vec<usize>> = edges.iter().map(|targets| targets.to_vec()).collect();
            assert_eq!(depth(&edges), expected, "{edges:?}");
        }
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let edges: Vec<Vec<usize>> = (1..=200_000)
            .map(|next| if next < 200_000 { vec![next] } else { vec![0] })
            .collect();
        let (_, members) = components(&edges);
        assert_eq!(members.len(), 1);
    }
}
