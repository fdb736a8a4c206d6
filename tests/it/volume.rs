//! Storages and what they keep: browse, filter, details, remove.

use proxmux::sim::fault::Effect as Trouble;

use crate::harness::{Harness, Setup};

async fn at(tab: char) -> Harness {
    let mut h = Setup { tab, ..Setup::default() }.go().await;
    h.wait(1.0).await;
    h
}

#[tokio::test(start_paused = true)]
async fn a_shared_storage_stands_once_and_shows_what_it_keeps() {
    let mut h = at('8').await;
    assert_eq!(h.screen().matches("  nas ").count(), 1);
    assert_eq!(h.screen().matches("  local ").count(), 3);
    h.press("/ 'nas' enter enter").await;
    h.wait(1.0).await;
    h.sees("nas  ✓ available  nfs  shared by pve1, pve2, pve3");
    h.sees("TiB of 7.2 TiB");
    h.sees("a day ago");
    h.sees("shown: everything");
    h.press("] ]").await;
    h.sees("shown: ISO images");
    h.sees("virtio-win-0.1.271.iso");
    h.sees_not("vzdump-");
    h.press("t").await;
    h.wait(0.5).await;
    h.sees("a week ago");
    h.press("esc").await;
    h.sees("Storages");
}

#[tokio::test(start_paused = true)]
async fn files_come_only_to_storages_that_keep_such() {
    let mut h = at('8').await;
    h.press("/ 'local-lvm' enter enter").await;
    h.wait(1.0).await;
    h.sees("lvmthin");
    assert!(!h.footer().contains("Upload") && !h.footer().contains("Download"), "{}", h.footer());
    for (key, words) in [("u", "Upload: "), ("w", "Download: ")] {
        h.press(key).await;
        h.sees(words);
        h.sees("local-lvm keeps images, rootdir, and takes no uploads");
        h.sees_not("Upload a file");
    }
    h.press("esc / ctrl-u 'nas' enter enter").await;
    h.wait(7.0).await;
    assert!(h.footer().contains("Upload"), "{}", h.footer());
    h.press("] u").await;
    h.sees("are no files to send");
}

#[tokio::test(start_paused = true)]
async fn iso_images_of_all_storages_with_their_users() {
    let mut h = at('4').await;
    assert!(h.line("virtio-win").contains("105"), "{}", h.screen());
    assert!(h.line("virtio-win").contains("3 nodes"));
    assert!(h.line("systemrescue").contains("pve1"));
    h.press("/ 'is:used' enter").await;
    h.sees_not("debian-13");
    h.press("i").await;
    h.sees("Volume id  nas:iso/virtio-win-0.1.271.iso");
    h.sees("Used by    VM 105");
    h.press("esc y").await;
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn removing_an_image_names_who_uses_it() {
    let mut h = at('4').await;
    h.press("/ 'virtio' enter delete").await;
    h.until("Remove nas:iso/virtio-win-0.1.271.iso?", 5.0).await;
    h.sees("is inserted in the CD drive of VM 105");
    h.sees("DELETE");
    // Enter means no here.
    h.press("enter").await;
    assert!(h.writes().is_empty());
    h.press("delete").await;
    h.until("Remove nas:iso", 5.0).await;
    h.press("y").await;
    h.until("done", 20.0).await;
    assert_eq!(h.writes().len(), 1);
    h.wait(6.0).await;
    h.sees("none of 5 matches /virtio");
}

#[tokio::test(start_paused = true)]
async fn a_disk_of_a_guest_is_not_removed_here() {
    let mut h = at('8').await;
    h.press("enter").await;
    h.wait(1.0).await;
    h.press("delete").await;
    h.sees("belongs to VM 9000");
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn protection_of_a_backup() {
    let mut h = at('8').await;
    h.press("/ 'nas' enter enter").await;
    h.wait(1.0).await;
    h.press("/ 'content:backup' enter p").await;
    h.sees("protected=1");
    h.press("y").await;
    h.until("done", 5.0).await;
    h.wait(1.0).await;
    assert!(h.selected().contains("yes"), "{}", h.screen());
    h.press("delete").await;
    h.sees("is protected");
}

#[tokio::test(start_paused = true)]
async fn notes_and_pruning_of_a_backup() {
    let mut h = at('8').await;
    h.press("/ 'nas' enter enter").await;
    h.wait(1.0).await;
    h.press("/ 'content:backup' enter e").await;
    h.wait(0.5).await;
    h.press("ctrl-u 'before the move' ctrl-s").await;
    h.sees("notes=before the move");
    h.press("y").await;
    h.until("done", 5.0).await;
    assert_eq!(h.writes().len(), 1);
    h.press("P").await;
    h.wait(1.0).await;
    h.sees("Prune the backups of CT 209 (wiki-old) on nas");
    h.sees("removes 0, keeps 1");
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_fails_does_not_hide_the_others() {
    let mut h = Setup { tab: '2', ..Setup::default() }.go().await;
    h.trouble("storage/nas/content", None, Trouble::Status(500, "storage 'nas' is not online".into()));
    h.press("4").await;
    h.wait(40.0).await;
    h.press("R").await;
    h.wait(2.0).await;
    h.sees("nas can't be listed");
}

#[tokio::test(start_paused = true)]
async fn on_a_small_screen() {
    let mut h = Setup { tab: '8', ..Setup::default() }.sized(80, 24).go().await;
    h.wait(1.0).await;
    h.sees("ceph");
    h.press("enter").await;
    h.wait(1.0).await;
    h.sees("base-9000-disk-0");
    h.press("i").await;
    h.sees("ceph:base-9000-disk-0");
}
