//! How forms and headers stand on the wire, as tables; all other types are those of [`dovetail_wire`].

mod forms;
