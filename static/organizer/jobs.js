// Jobs that are at work, live: bar, sentence, time left; the files when it is done.
(() => {
  const ENDED = new Set(["done", "failed", "stopped"]);

  function size(bytes) {  // as the page itself writes it
    if (bytes < 1000) return `${bytes} Bytes`;
    const units = ["kB", "MB", "GB"];
    let value = bytes / 1000, unit = 0;
    while (value >= 1000 && unit < 2) { value /= 1000; unit += 1; }
    return `${value.toFixed(1)} ${units[unit]}`;
  }

  function left(seconds) {
    if (seconds === null) return "";
    if (seconds < 10) return "马上就好";
    if (seconds < 60) return `大约还要 ${Math.ceil(seconds / 10) * 10} 秒`;
    if (seconds < 3600) return `大约还要 ${Math.ceil(seconds / 60)} 分钟`;
    return `大约还要 ${Math.ceil(seconds / 3600)} 小时`;
  }

  function show(job, now) {
    job.dataset.state = now.state;
    const words = { waiting: "排队等候", stopping: "正在停止" };
    const how = words[now.state] || now.sentence || "正在开始";
    const line = job.querySelector(".job-how");
    if (line.textContent !== how) line.textContent = how;
    const bar = job.querySelector("progress");
    if (bar && now.total) { bar.max = now.total; bar.value = now.done; }
    const eta = job.querySelector(".job-eta");
    if (eta) eta.textContent = left(now.eta_s);
    if (!ENDED.has(now.state)) return;
    for (const part of job.querySelectorAll("progress, .job-eta, .job-stop")) part.remove();
    job.querySelector(".job-files").replaceChildren(...now.files.map((file) => {
      const item = document.createElement("li"), link = document.createElement("a");
      const weight = document.createElement("span");
      link.href = file.href;
      link.download = "";
      link.textContent = file.name;
      weight.className = "size";
      weight.textContent = size(file.size);
      item.append(link, " ", weight);
      return item;
    }));
    job.dispatchEvent(new CustomEvent("job:ended", { bubbles: true, detail: now }));
  }

  async function follow(job) {
    let wait = 1000;
    while (!ENDED.has(job.dataset.state)) {
      await new Promise((resolve) => setTimeout(resolve, document.hidden ? 5000 : wait));
      try {
        const answer = await fetch(job.dataset.job, { headers: { Accept: "application/json" } });
        if (answer.status === 403 || answer.status === 404) {
          job.querySelector(".job-how").textContent = answer.status === 403
            ? "登录已经过期，请刷新页面" : "这件工作已经不在了";
          return;
        }
        if (!answer.ok) throw new Error(answer.status);
        show(job, await answer.json());
        wait = 1000;
      } catch {
        wait = Math.min(wait * 2, 15000);  // the site is away for a moment: ask less often
      }
    }
  }

  function stop(event) {
    const form = event.target.closest(".job-stop");
    if (!form) return;
    event.preventDefault();
    form.querySelector("button").disabled = true;
    const how = form.closest(".job").querySelector(".job-how");
    how.textContent = "正在停止";
    fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" })
      .catch(() => form.submit());
  }

  document.addEventListener("submit", stop);
  for (const job of document.querySelectorAll("[data-job]")) follow(job);
})();
