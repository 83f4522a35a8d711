"use strict";
for (const tree of document.querySelectorAll("[data-tree]")) {
  const box = tree.querySelector("input");
  const told = tree.querySelector("[data-told]");
  const leaves = [...tree.querySelectorAll("[data-leaf]")];
  const groups = [...tree.querySelectorAll(".tree details")];
  box.addEventListener("input", () => {
    const words = box.value.trim().toLowerCase();
    let shown = 0;
    for (const leaf of leaves) {
      const fits = !words || leaf.dataset.leaf.toLowerCase().includes(words);
      leaf.classList.toggle("hidden", !fits);
      shown += fits;
    }
    for (const group of groups.reverse()) {
      const fits = group.querySelector("[data-leaf]:not(.hidden)") !== null;
      group.classList.toggle("hidden", !fits);
      group.open = Boolean(words) && fits;
    }
    groups.reverse();
    told.textContent = words ? `${shown} of ${leaves.length} entries` : "";
  });
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

{
  // A figure is a button that shows it as large as the window.
  const dialog = document.createElement("dialog");
  const large = document.createElement("img");
  dialog.append(large);
  dialog.setAttribute("aria-label", "Figure, enlarged");
  dialog.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  for (const image of document.querySelectorAll("[data-enlarge]")) {
    const enlarge = () => {
      large.src = image.src;
      large.alt = image.alt;
      large.className = image.closest("figure").className;
      dialog.showModal();
    };
    image.tabIndex = 0;
    image.setAttribute("role", "button");
    image.setAttribute("aria-label", `${image.alt} Enlarge.`);
    image.addEventListener("click", enlarge);
    image.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); enlarge(); }
    });
  }
}
