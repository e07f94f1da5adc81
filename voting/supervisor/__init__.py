"""`make run`: starts stores, web, media server and worker, keeps them alive, stops them."""
