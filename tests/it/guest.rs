//! Guests: list, filter, marks, actions, detail.

use crate::harness::Harness;

#[tokio::test(start_paused = true)]
async fn the_list_shows_all_vms_and_a_digit_switches_to_containers() {
    let mut h = Harness::new().await;
    println!("{}", h.screen());
    h.press("1").await;
    println!("{}", h.screen());
    h.press("2 enter").await;
    println!("{}", h.screen());
    h.press("esc c").await;
    println!("{}", h.screen());
    println!("{:?}", h.lab.log.lock().unwrap());
}
