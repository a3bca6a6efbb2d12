//! Lets the programs find MuJoCo where they were linked with it.

fn main() {
    println!("cargo:rerun-if-env-changed=MUJOCO_DYNAMIC_LINK_DIR");
    if std::env::var_os("CARGO_FEATURE_MUJOCO").is_some()
        && let Ok(folder) = std::env::var("MUJOCO_DYNAMIC_LINK_DIR")
    {
        println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{folder}");
    }
}
