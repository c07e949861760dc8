//! Has the crate built again when the web interface was built anew.

fn main() {
    // Cargo looks at the folder's newest change; a missing folder counts as changed once it is there.
    println!("cargo::rerun-if-changed=../../web/dist");
}
